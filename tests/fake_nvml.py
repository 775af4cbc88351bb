"""A stand-in for NVML on machines without a card, in this process or in each that a test starts.

`LOGHI_FAKE_CARDS` names a folder with one folder for each card, called as its UUID. In there are files called as the
processes that compute on the card (the stand-in trainer makes its own), and `facts.json`, such as `{"lost": true}`.
`tests/fake_nvml_site` puts it into every Python that is started with it on its path.
"""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml

CARDS_VARIABLE = "LOGHI_FAKE_CARDS"
SITE = Path(__file__).with_name("fake_nvml_site")
GIB = 1 << 30
_NOT_SUPPORTED = pynvml.NVML_ERROR_NOT_SUPPORTED


class FakeNvml:
    """Answers as `pynvml` does, from a table: handles are dicts, a number in place of an answer is NVML's error, an
    exception is raised."""

    def __init__(self, *cards: Any) -> None:
        self._cards = cards

    @property
    def cards(self) -> Any:
        return self._cards

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
        _answer(handle.get("mig", _NOT_SUPPORTED))
        return (1, 1)

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any) -> int:  # noqa: N802
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, number: int) -> Any:  # noqa: N802
        return handle["mig"][number] if number < len(handle["mig"]) else _answer(pynvml.NVML_ERROR_NOT_FOUND)

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:  # noqa: N802
        return SimpleNamespace(total=16 * GIB, used=handle.get("used", 0), free=16 * GIB - handle.get("used", 0))

    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> Any:  # noqa: N802
        return _answer(handle.get("processes", []))

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: Any) -> Any:  # noqa: N802
        return _answer(handle.get("drawing", []))

    def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any:  # noqa: N802
        return SimpleNamespace(gpu=handle["utilisation"] if "utilisation" in handle else _answer(_NOT_SUPPORTED))

    def nvmlDeviceGetUUID(self, handle: Any) -> str:  # noqa: N802
        return handle["uuid"]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Any:  # noqa: N802
        found = [card for card in self.cards if not isinstance(card, int) and card["uuid"] == uuid]
        return found[0] if found else _answer(pynvml.NVML_ERROR_NOT_FOUND)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any) -> int:  # noqa: N802
        return _answer(Told(handle["energy_mj"]) if "energy_mj" in handle else _NOT_SUPPORTED)

    def nvmlDeviceGetName(self, handle: Any) -> str:  # noqa: N802
        return handle.get("name", "H0")

    def nvmlDeviceGetCudaComputeCapability(self, handle: Any) -> Any:  # noqa: N802
        return _answer(handle.get("capability", (9, 0)))


class FolderNvml(FakeNvml):
    """The cards of the folder that the environment names."""

    def __init__(self) -> None:
        self.folder = Path(os.environ[CARDS_VARIABLE])

    @property
    def cards(self) -> Any:
        return [_card(folder) for folder in sorted(path for path in self.folder.iterdir() if path.is_dir())]


def _card(folder: Path) -> Any:
    facts_file = folder / "facts.json"
    facts = json.loads(facts_file.read_text()) if facts_file.exists() else {}
    if facts.pop("lost", False):
        return pynvml.NVML_ERROR_GPU_IS_LOST
    pids = [int(path.name) for path in folder.iterdir() if path.name.isdigit() and _computes(int(path.name))]
    return {"uuid": folder.name, "processes": [SimpleNamespace(pid=pid) for pid in pids], **facts}


def _computes(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def install() -> None:
    """Let this process see the cards of the folder."""
    from loghi_runner.engines import nvml

    nvml.pynvml = FolderNvml()  # type: ignore[assignment]


class Told(int):
    """A number that is an answer, not an error."""


def _answer(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    if isinstance(value, int) and not isinstance(value, Told):
        raise pynvml.NVMLError(value)
    return value
