"""What runs left behind besides their folders: processes, containers, leases, locks and files."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from loghi_runner.engines.container import RUN_LABEL
from loghi_runner.engines.processes import machine_name
from loghi_runner.locks import Locked, hold
from loghi_runner.runs.find import list_runs
from loghi_runner.runs.folder import RunState
from tests.fake_nvml import CARDS_VARIABLE, SITE
from tests.kills.place import Place
from tests.paced_trainer import SHARED_LOG

_ROOT = Path(__file__).parents[2]
#: `clean` leaves a folder alone that is younger, as somebody may still make it.
_OLD_S = 61.0
#: What a run folder holds; anything else is somebody's leavings. `killed` is the mark of `stop`.
_OF_A_RUN = {"run.json", "config.yaml", "console.log", "in", "out", "killed"}
#: What the cache of an account keeps on purpose: how long runs take, and the gate of the leases.
_OF_THE_CACHE = {"speeds.json", "gate"}


class Left:
    """Watches one place, its own folder for temporary files, its own cache, and its own made cards."""

    def __init__(self, place: Place, cards: int) -> None:
        self._place = place
        self._temporary = place.folder / "tmp"
        self._cache = place.folder / "cache"
        self._cards = place.folder / "cards"
        self._uuids = [f"GPU-{number:08d}-0000-4000-8000-000000000000" for number in range(1, cards + 1)]
        self.environment: dict[str, str] = {}

    def prepare(self, more: Mapping[str, str]) -> None:
        """Make the folders; `environment` is for every command then."""
        for folder in (self._temporary, self._cache, self._place.folder / "logs"):
            folder.mkdir()
        self.environment = {"TMPDIR": str(self._temporary), "XDG_CACHE_HOME": str(self._cache), **more}
        for uuid in self._uuids:
            (self._cards / uuid).mkdir(parents=True)
        if self._uuids:
            path = os.pathsep.join([str(SITE), str(_ROOT)])
            self.environment |= {CARDS_VARIABLE: str(self._cards), "PYTHONPATH": path}

    def processes(self) -> list[psutil.Process]:
        return self._place.processes()

    def containers(self, *, running: bool = False) -> dict[str, str]:
        """Names of containers of runs of this place, by run id."""
        command = [
            "docker",
            "ps",
            "--filter",
            f"label={RUN_LABEL}",
            "--format",
            f'{{{{.Label "{RUN_LABEL}"}}}} {{{{.Names}}}}',
        ]
        try:
            told = subprocess.run(
                [*command, *([] if running else ["--all"])], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return {}  # no Docker
        found = dict(line.split(" ", 1) for line in told.stdout.splitlines())
        return {run_id: name for run_id, name in found.items() if run_id in self._place.all_runs()}

    def needless_containers(self) -> list[str]:
        """Containers of runs with a good end, or cancelled; those of failed runs are kept for who looks into it."""
        kept = self.containers()
        records = [folder.read() for folder in list_runs(self._place.runs)]
        ended = (RunState.FINISHED, RunState.CANCELLED)
        return [kept[record.run_id] for record in records if record.state in ended and record.run_id in kept]

    def wait_until_folders_are_old(self) -> None:
        if any(self._place.runs.glob(".*")):
            time.sleep(_OLD_S)

    def all(self) -> list[str]:
        """Whatever is left, in words; after `clean`."""
        found = [f"a process is left: {process.pid} {process.name()}" for process in self.processes()]
        found += [f"a container is left: {name}" for name in self.containers().values()]
        found += [f"a temporary file is left: {path.name}" for path in self._temporary.iterdir()]
        found += [f"in the output: {path}" for path in self._strange_in_output()]
        files = (path for path in (self._cache / "loghi-runner").rglob("*") if path.is_file())
        found += [f"in the cache: {path}" for path in files if path.name not in {*_OF_THE_CACHE, *self._uuids}]
        found += [f"a lease is held: {path.name}" for path in self._leases() if _is_held(path)]
        shared = self._cards / SHARED_LOG
        return found + (shared.read_text(encoding="utf-8").splitlines() if shared.is_file() else [])

    def _leases(self) -> list[Path]:
        folder = self._cache / "loghi-runner" / "leases" / machine_name()
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def _strange_in_output(self) -> Iterator[Path]:
        for folder in self._place.runs.iterdir():
            if folder.name.startswith(".") or not folder.is_dir():
                yield folder
                continue
            yield from (path for path in folder.iterdir() if path.name not in _OF_A_RUN)
            yield from folder.rglob(".*")


def _is_held(path: Path) -> bool:
    try:
        os.close(hold(path))
    except Locked:
        return True
    return False
