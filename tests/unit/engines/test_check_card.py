"""A card that TensorFlow has no kernels for, and a driver too old for its CUDA, are told before the run."""

import pytest

from loghi_runner.engines.gpus import Card, Cards, check_cards, check_driver, check_kernels, choose_device
from loghi_runner.findings import Severity


def card(capability: tuple[int, int] | None) -> Card:
    return Card("GPU-1", "H0", 16000, 16000, 0, capability=capability)


@pytest.mark.parametrize(
    ("capability", "found"),
    [
        ((5, 2), [(Severity.ERROR, "gpu.too_old")]),
        ((6, 0), []),
        ((7, 0), []),
        ((9, 0), []),
        ((10, 0), [(Severity.INFO, "gpu.first_start")]),
        ((12, 0), [(Severity.INFO, "gpu.first_start")]),
        (None, []),
    ],
)
def test_what_is_said_of_a_card(capability: tuple[int, int] | None, found: list[tuple[Severity, str]]) -> None:
    findings = list(check_kernels([card(capability)]))
    assert [(finding.severity, finding.code) for finding in findings] == found
    assert all("compute capability" in finding.message for finding in findings)


def test_nothing_is_known_of_the_kernels_in_somebody_elses_image() -> None:
    old = choose_device(1, Cards((card((5, 2)),), "", "470.1"))
    assert check_cards(old, own_image=False) == ()
    assert [finding.code for finding in check_cards(old, own_image=True)] == ["gpu.driver_old", "gpu.too_old"]


def test_a_card_that_is_waited_for_is_looked_at_like_one_that_is_free() -> None:
    busy = Card("GPU-1", "H0", 16000, 16000, 1, capability=(12, 0))
    device = choose_device("auto", Cards((busy,), "", "570.1"))
    assert [finding.code for finding in check_cards(device, own_image=True)] == ["gpu.first_start"]


@pytest.mark.parametrize("driver", ["470.256.02", "525.60.12", "390.157"])
def test_a_driver_too_old_for_the_images_cuda_is_told_before_the_start(driver: str) -> None:
    (finding,) = check_driver(driver)
    assert (finding.severity, finding.code, finding.exit_code) == (Severity.ERROR, "gpu.driver_old", 4)
    assert finding.message == (
        f"the NVIDIA driver {driver} is older than the CUDA 12 of TensorFlow needs: 525.60.13 or later"
    )


@pytest.mark.parametrize("driver", ["525.60.13", "535.54", "570.1", "580.95.05", "unknown", None])
def test_a_driver_that_is_new_enough_or_says_no_number_is_let_be(driver: str | None) -> None:
    assert check_driver(driver) == ()
