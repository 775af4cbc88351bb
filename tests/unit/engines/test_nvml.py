"""What is understood of the NVIDIA driver's answers: one that lacks, one card that is lost, cards divided in parts."""

from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from loghi_runner.engines import nvml
from loghi_runner.engines.gpus import Card, Cards
from loghi_runner.engines.nvml import list_cards
from tests.fake_nvml import FakeNvml

GIB = 1 << 30


def cards_of(monkeypatch: pytest.MonkeyPatch, *cards: Any) -> Cards:
    monkeypatch.setattr(nvml, "pynvml", FakeNvml(*cards))
    return list_cards({})


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

    monkeypatch.setattr(nvml.pynvml, "nvmlInit", fail)
    assert list_cards() == Cards((), reason)


def test_a_lost_card_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cards_of(monkeypatch, pynvml.NVML_ERROR_GPU_IS_LOST, {"uuid": "GPU-1"})
    assert found.cards == (Card("GPU-1", "H0", 16384, 16384, 0, "1", (9, 0)),)
    assert found.lost == ("card 0 does not answer (GPU is lost)",)


def test_with_all_cards_lost_the_reason_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cards_of(monkeypatch, pynvml.NVML_ERROR_GPU_IS_LOST)
    assert (found.cards, found.reason) == ((), "card 0 does not answer (GPU is lost)")


def test_a_divided_card_is_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA cannot compute on the whole of it."""
    parts = [{"uuid": "MIG-a", "processes": pynvml.NVML_ERROR_NOT_SUPPORTED, "used": 8 * GIB}, {"uuid": "MIG-b"}]
    found = cards_of(monkeypatch, {"uuid": "GPU-0", "mig": parts})
    assert [(card.uuid, card.place, card.processes) for card in found.cards] == [
        ("MIG-a", "0:0", 1),
        ("MIG-b", "0:1", 0),
    ]


def program(pid: int) -> Any:
    return SimpleNamespace(pid=pid)


def test_a_desktop_on_the_only_card_is_no_program_that_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver tells a desktop's effects as computing, too: such a program is among those that draw."""
    desktop = {"uuid": "GPU-0", "used": GIB, "processes": [program(7)], "drawing": [program(5), program(7)]}
    (card,) = cards_of(monkeypatch, desktop).cards
    assert (card.processes, card.pids, card.lack()) == (0, (), "")
    (card,) = cards_of(monkeypatch, desktop | {"processes": [program(7), program(9)]}).cards
    assert (card.processes, card.pids) == (1, (9,))
    assert card.lack() == "1 program computes on it"


def test_where_programs_are_not_told_a_desktops_memory_is_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in WSL, where the desktop of Windows is on the card."""
    silent = {"uuid": "GPU-0", "processes": pynvml.NVML_ERROR_NOT_SUPPORTED, "utilisation": 40}
    (card,) = cards_of(monkeypatch, silent | {"used": 2 * GIB}).cards
    assert (card.processes, card.utilisation) == (0, 40)
    (card,) = cards_of(monkeypatch, silent | {"used": 8 * GIB}).cards
    assert card.processes == 1


def test_a_driver_older_than_a_question_still_tells_its_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its library lacks the newest name of a function; the package says so by an error that is none of NVML's."""
    too_old = pynvml.NVMLLibraryMismatchError("Unversioned function called")
    older = {"uuid": "GPU-0", "used": GIB, "processes": [program(7)], "drawing": too_old}
    oldest = {"uuid": "GPU-1", "used": 9 * GIB, "processes": too_old, "mig": too_old, "capability": too_old}
    cards = cards_of(monkeypatch, older, oldest).cards
    assert [(card.uuid, card.processes) for card in cards] == [("GPU-0", 1), ("GPU-1", 1)]


def test_a_card_that_falls_off_is_told_by_those_who_had_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cards_of(monkeypatch, pynvml.NVML_ERROR_GPU_IS_LOST, {"uuid": "GPU-1"})
    assert nvml.lost_cards(("GPU-0",)) == "card 0 does not answer (GPU is lost)"
    assert nvml.lost_cards(("GPU-1",)) == ""
    assert nvml.lost_cards(()) == ""


def test_an_older_driver_tells_no_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cards_of(monkeypatch, {"uuid": "GPU-0", "capability": pynvml.NVML_ERROR_FUNCTION_NOT_FOUND})
    assert found.cards[0].capability is None


@pytest.mark.gpu
def test_the_cards_of_this_machine_have_uuids_and_memory() -> None:
    for card in list_cards().cards:
        assert card.uuid.startswith(("GPU-", "MIG-"))
        assert 0 <= card.free_memory_mb <= card.memory_mb


def test_energy_is_that_of_all_cards_of_a_run_and_unknown_where_one_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tells = {"uuid": "GPU-1", "energy_mj": 3_000_500}, {"uuid": "GPU-2", "energy_mj": 1_000_000}
    monkeypatch.setattr(nvml, "pynvml", FakeNvml(*tells, {"uuid": "MIG-3"}))

    assert nvml.energy_j(["GPU-1", "GPU-2"]) == 4000.5
    assert nvml.energy_j(["GPU-1", "MIG-3"]) is None
    assert nvml.energy_j(["GPU-4"]) is None
