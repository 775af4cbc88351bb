"""Which card a run gets, and when it is none."""

import pynvml
import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines import gpus
from loghi_runner.engines.gpus import Card, Cards, choose_device, list_cards
from loghi_runner.errors import EngineError

BUSY = Card("GPU-busy-0000", "H0", 16000, 15500, 2)
SMALL = Card("GPU-small-000", "H0", 16000, 8000, 0)
LARGE = Card("GPU-large-000", "H0", 16000, 15000, 0)
NONE = Cards((), "this machine has no NVIDIA driver")


def test_auto_takes_the_free_card_with_most_memory() -> None:
    choice = choose_device("auto", Cards((BUSY, SMALL, LARGE), ""))
    assert (choice.kind, choice.uuids, choice.warning) == (DeviceKind.GPU, ("GPU-large-000",), False)
    assert choice.sentence == "GPU H0 (14 GB free, GPU-large-00), the freest of 3"


def test_auto_without_a_card_announces_the_cpu_and_why() -> None:
    choice = choose_device("auto", NONE)
    assert (choice.kind, choice.warning) == (DeviceKind.CPU, True)
    assert choice.sentence == "CPU: this machine has no NVIDIA driver"


def test_auto_does_not_sit_down_on_a_card_in_use() -> None:
    choice = choose_device("auto", Cards((BUSY,), ""))
    assert (choice.kind, choice.uuids, choice.warning) == (DeviceKind.CPU, (), True)
    assert "the only card is in use" in choice.sentence


def test_none_is_the_cpu_without_a_warning() -> None:
    choice = choose_device("none", Cards((LARGE,), ""))
    assert (choice.kind, choice.warning) == (DeviceKind.CPU, False)


def test_a_number_takes_the_freest_cards_and_tells_who_shares_them() -> None:
    choice = choose_device(3, Cards((BUSY, SMALL, LARGE), ""))
    assert choice.uuids == ("GPU-large-000", "GPU-small-000", "GPU-busy-0000")
    assert choice.warning
    assert "2 other programs compute on it too" in choice.sentence


def test_a_named_card_is_taken_as_named() -> None:
    assert choose_device(("GPU-busy-0000",), Cards((BUSY, LARGE), "")).uuids == ("GPU-busy-0000",)


@pytest.mark.parametrize("request_", [2, ("GPU-other",)])
def test_a_card_that_is_not_there_is_an_error_not_the_cpu(request_: int | tuple[str, ...]) -> None:
    with pytest.raises(EngineError) as caught:
        choose_device(request_, Cards((LARGE,), ""))
    assert caught.value.exit_code == 4
    assert "gpus: none" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "this machine has no NVIDIA driver"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "the NVIDIA driver is installed but not loaded"),
        (
            pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
            "the NVIDIA driver was updated and the machine not restarted since",
        ),
    ],
)
def test_a_driver_that_does_not_answer_means_no_cards_and_a_reason(
    monkeypatch: pytest.MonkeyPatch, fault: int, reason: str
) -> None:
    def fail() -> None:
        raise pynvml.NVMLError(fault)

    monkeypatch.setattr(gpus.pynvml, "nvmlInit", fail)
    assert list_cards() == Cards((), reason)


@pytest.mark.gpu
def test_the_cards_of_this_machine_have_uuids_and_memory() -> None:
    for card in list_cards().cards:
        assert card.uuid.startswith(("GPU-", "MIG-"))
        assert 0 <= card.free_memory_mb <= card.memory_mb
