"""What an engine is: nine small methods that start, watch and end one trainer process."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from loghi_contract.job import DeviceKind
from loghi_runner.errors import EngineError

#: In the run folder: where an engine without containers lays out the container's folders as links.
PLACES = "places"

#: The code of the error for a handle that names somebody else's process or container.
NOT_OURS = "engine.not_ours"


def not_ours(what: str, run_dir: Path) -> EngineError:
    """The error for what a run.json names and is not that run's."""
    return EngineError(
        NOT_OURS,
        f"{what}, which its run.json names, is not this run's trainer or not ours",
        where=str(run_dir),
        hint="It is left alone. Has the run's folder been copied, or does the run belong to somebody else?",
    )


@dataclass(frozen=True)
class Mount:
    """A folder of this machine as the trainer sees it; `source` is a real path, symlinks resolved."""

    source: Path
    target: PurePosixPath
    read_only: bool


@dataclass(frozen=True)
class Launch:
    """Everything an engine needs to start one run.

    `gpus` holds UUIDs chosen on the host; empty for `DeviceKind.CPU`. `image` is what the engine runs, "" without one.
    """

    run_id: str
    run_dir: Path
    image: str
    device: DeviceKind
    gpus: tuple[str, ...]
    mounts: tuple[Mount, ...]
    #: the most memory it may take; None limits none
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Handle:
    """Finds a started trainer again, also from another process; kept in run.json.

    `id` is the container's id, or what `name_process` calls a local process.
    """

    engine: str
    id: str


@dataclass(frozen=True)
class ProcessEnd:
    """How the trainer's process ended; `exit_code` is negative for a signal, as subprocess counts.

    `exit_code` is None when the process is gone and nobody saw it end.
    """

    exit_code: int | None
    out_of_memory: bool = False
    #: what it was allowed, where it ran out of that
    memory_bytes: int | None = None


class Engine(Protocol):
    """One way to run the trainer. `console_log` is the run's console.log, the trainer's stderr."""

    name: str

    def check(self) -> str:
        """A sentence for the plan: what will be used, with versions. Raises EngineError when it cannot be used."""

    def memory_limit(self, asked: int | None) -> int | None:
        """Bytes that a trainer may take here, who asks for so many; None where this engine cannot limit it.

        Raises:
            EngineError: it cannot be asked.
        """

    def start(self, launch: Launch, console_log: Path) -> Handle:
        """Start the trainer in a session of its own. Raises EngineError; leaves nothing behind then."""

    def find(self, run_id: str, run_dir: Path, handle: Handle | None) -> Handle | None:
        """The trainer of this run, living or ended; None when nothing is left of it.

        All other methods believe the handle that they are given.

        Args:
            handle: what run.json names, which anybody may have written; None when nothing is named there.

        Raises:
            EngineError: the engine does not answer, or what is named is not this run's (`NOT_OURS`): leave it alone.
        """

    def poll(self, handle: Handle) -> ProcessEnd | None:
        """How it ended, or None while it runs. Never blocks."""

    def interrupt(self, handle: Handle) -> None:
        """Ask it to end after the current step (SIGINT)."""

    def kill(self, handle: Handle) -> None:
        """End it at once (SIGKILL)."""

    def fetch_console(self, handle: Handle, console_log: Path) -> None:
        """Bring what it printed so far into console_log, where the engine does not write it there at once."""

    def clean_up(self, handle: Handle, console_log: Path, *, keep: bool) -> None:
        """After the end: bring what it printed into console_log; remove what the engine kept, unless `keep`."""
