"""A card that TensorFlow has no kernels for is told before the run."""

import pytest

from loghi_runner.engines.gpus import Card, check_card
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
    findings = check_card(card(capability), own_image=True)
    assert [(finding.severity, finding.code) for finding in findings] == found
    assert all("compute capability" in finding.message for finding in findings)


def test_nothing_is_known_of_the_kernels_in_somebody_elses_image() -> None:
    assert check_card(card((5, 2)), own_image=False) == ()
