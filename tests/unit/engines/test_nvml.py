"""What is understood of the NVIDIA driver's answers: one that lacks, one card that is lost, cards divided in parts."""

from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from loghi_runner.engines import nvml
from loghi_runner.engines.gpus import Card, Cards
from loghi_runner.engines.nvml import list_cards

GIB = 1 << 30


class FakeDriver:
    """Answers as `pynvml` does, from a table: handles are dicts, a number in place of an answer is NVML's error."""

    def __init__(self, *cards: Any) -> None:
        self.cards = cards

    def __getattr__(self, name: str) -> Any:
        return getattr(pynvml, name)  # constants and errors

    def nvmlInit(self) -> None:  # noqa: N802  # NVML's names
        pass

    def nvmlShutdown(self) -> None:  # noqa: N802
        pass

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.cards)

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "570.1"

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any:  # noqa: N802
        return _answer(self.cards[index])

    def nvmlDeviceGetMigMode(self, handle: Any) -> tuple[int, int]:  # noqa: N802
        _answer(handle.get("mig", pynvml.NVML_ERROR_NOT_SUPPORTED))
        return (1, 1)

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any) -> int:  # noqa: N802
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, number: int) -> Any:  # noqa: N802
        return handle["mig"][number] if number < len(handle["mig"]) else _answer(pynvml.NVML_ERROR_NOT_FOUND)

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:  # noqa: N802
        return SimpleNamespace(total=16 * GIB, used=handle.get("used", 0), free=16 * GIB - handle.get("used", 0))

    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> Any:  # noqa: N802
        return _answer(handle.get("processes", []))

    def nvmlDeviceGetUUID(self, handle: Any) -> str:  # noqa: N802
        return handle["uuid"]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Any:  # noqa: N802
        found = [card for card in self.cards if card["uuid"] == uuid]
        return found[0] if found else _answer(pynvml.NVML_ERROR_NOT_FOUND)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any) -> int:  # noqa: N802
        return _answer(Told(handle["energy_mj"]) if "energy_mj" in handle else pynvml.NVML_ERROR_NOT_SUPPORTED)

    def nvmlDeviceGetName(self, handle: Any) -> str:  # noqa: N802
        return "H0"

    def nvmlDeviceGetCudaComputeCapability(self, handle: Any) -> Any:  # noqa: N802
        return _answer(handle.get("capability", (9, 0)))


class Told(int):
    """A number that is an answer, not an error."""


def _answer(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, Told):
        raise pynvml.NVMLError(value)
    return value


def cards_of(monkeypatch: pytest.MonkeyPatch, *cards: Any) -> Cards:
    monkeypatch.setattr(nvml, "pynvml", FakeDriver(*cards))
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
    assert [(card.uuid, card.place, card.is_free) for card in found.cards] == [
        ("MIG-a", "0:0", False),
        ("MIG-b", "0:1", True),
    ]


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
    monkeypatch.setattr(nvml, "pynvml", FakeDriver(*tells, {"uuid": "MIG-3"}))

    assert nvml.energy_j(["GPU-1", "GPU-2"]) == 4000.5
    assert nvml.energy_j(["GPU-1", "MIG-3"]) is None
    assert nvml.energy_j(["GPU-4"]) is None
