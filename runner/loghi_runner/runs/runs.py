"""The runs of an output folder seen from outside: find, list, follow, stop and clean them."""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract.events import Event
from loghi_runner.config.choices import DEFAULT_OUTPUT
from loghi_runner.engines import load_engine
from loghi_runner.engines.base import Signal
from loghi_runner.errors import EngineError, RunnerError, UsageError
from loghi_runner.files import is_file, is_folder
from loghi_runner.runs.follow import EventReader, follow
from loghi_runner.runs.half_written import find_half_written
from loghi_runner.runs.look import Look, is_followed, look_at
from loghi_runner.runs.owner import is_ours, require_ours
from loghi_runner.runs.rundir import RECORD_FILE, RunFolder, RunRecord, cannot_write_run

LAST = "last"

_LOOK_EVERY_S = 0.2
_ASK_EVERY_S = 2.0
_LOOKS_AFTER_LAST_EVENT = 50


@dataclass(frozen=True)
class Unreadable:
    """A folder that is a run, or may be one, and cannot be read."""

    folder: RunFolder
    why: str


def list_runs(output: Path) -> list[RunFolder]:
    """The runs of an output folder, the oldest first."""
    if not is_folder(output):
        raise UsageError(
            "run.no_output",
            f"there is no folder {output}",
            hint="Name the folder that the config calls `output`.",
        )
    try:
        found = [RunFolder(path) for path in output.iterdir()]
    except OSError as error:
        raise UsageError(
            "run.closed_output",
            f"the folder {output} cannot be looked into: {error.strerror}",
            hint="Ask its owner for permission.",
        ) from error
    runs = (folder for folder in found if not folder.path.name.startswith(".") and is_file(folder.record_file))
    return sorted(runs, key=lambda folder: folder.path.name)


def find_run(name: str, output: Path = DEFAULT_OUTPUT) -> RunFolder:
    """The run of a path, an id, the beginning of an id, or `last`.

    Raises:
        UsageError: there is none, or more than one.
    """
    path = Path(name)
    if name != LAST and is_file(path / RECORD_FILE):
        return RunFolder(path.absolute())
    runs = list_runs(output) if is_folder(output) else []
    matching = runs[-1:] if name == LAST else [run for run in runs if name and run.path.name.startswith(name)]
    if len(matching) == 1:
        return RunFolder(matching[0].path.absolute())
    if matching:
        raise UsageError(
            "run.ambiguous",
            f"{len(matching)} runs begin with {name}: {', '.join(run.path.name for run in matching[:5])}",
            where=str(output),
            hint="Write more of the id.",
        )
    raise UsageError(
        "run.unknown",
        f"there is no run {name} in {output}" if name != LAST else f"there are no runs in {output}",
        hint="Give the run folder's path, or name its output folder with --output. `loghi-runner runs DIR` lists runs.",
    )


def look_at_all(folders: Iterable[RunFolder]) -> tuple[list[Look], list[Unreadable]]:
    """The runs that can be read, and those that cannot."""
    looks, broken = [], []
    for folder in folders:
        try:
            look = look_at(folder)
            _ = look.progress
        except UsageError:
            broken.append(Unreadable(folder, f"its {RECORD_FILE} is damaged"))
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one run, the others are shown
            broken.append(Unreadable(folder, f"{type(error).__name__}: {error}"))
        else:
            looks.append(look)
    return looks, broken


def follow_run(
    folder: RunFolder, pause: Callable[[], None] | None = None, *, steps: bool = True
) -> Iterator[tuple[bytes, Event]]:
    """All events of a run from its beginning, until it is over; without `steps` as in `EventReader`."""

    is_over = _AskedSeldom(lambda: look_at(folder).record.state.is_over)
    wait = pause or _pause
    yield from follow(EventReader(folder.events_file, steps=steps), is_over, wait)
    # whoever asks next shall find the run concluded: after its last event the trainer only closes files
    for _look in range(_LOOKS_AFTER_LAST_EVENT):
        look = look_at(folder)
        if look.record.state.is_over or look.remark is not None:
            return
        wait()


def fetch_console(look: Look) -> None:
    """Bring console.log up to date; it stays as it is where the trainer cannot be reached."""
    record, folder = look.record, look.folder
    if record.handle is not None and not record.state.is_over and look.remark is None:
        with contextlib.suppress(RunnerError, OSError):
            engine = load_engine(record.engine)
            if (handle := engine.find(record.run_id, folder.path, record.handle)) is not None:
                engine.bring_console(handle, folder.console_log)


def stop_run(
    folder: RunFolder,
    *,
    grace_s: float,
    begun: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> Look:
    """Ask the trainer to end after its step; after the grace it is ended at once. Returns the run as it is then.

    Args:
        begun: called once the trainer was asked.

    Raises:
        UsageError: the run is over already, or another account's.
        EngineError: its trainer cannot be reached from here, or is not its own.
    """
    look = look_at(folder)
    record = look.record
    if record.state.is_over:
        raise UsageError("run.over", f"the run is over already: {record.state.value}", where=str(folder.path))
    require_ours(folder, "stop")
    if record.handle is None or look.remark is not None:
        raise EngineError(
            "run.out_of_reach",
            f"the run cannot be reached: {look.remark or 'its trainer is not started yet'}",
            where=str(folder.path),
            hint="Try again in a moment, or stop it on the machine where it was started.",
        )
    engine = load_engine(record.engine)
    handle = engine.find(record.run_id, folder.path, record.handle)
    if handle is None:
        return look_at(folder)  # it ended by itself
    engine.signal(handle, Signal.INTERRUPT)
    begun()
    deadline = clock() + grace_s
    while engine.poll(handle) is None:
        if clock() > deadline:
            with contextlib.suppress(OSError):  # on a full disk the end is told less well, and must come all the same
                folder.kill_mark.touch()
            engine.signal(handle, Signal.KILL)
            deadline = clock() + grace_s
        _pause()
    while is_followed(folder.read()) and not folder.read().state.is_over and clock() < deadline + grace_s:
        _pause()  # the host writes the record
    return look_at(folder)


def clean_run(look: Look, *, really: bool) -> list[str]:
    """What an ended run keeps besides its results; removed only `really`. Models and records are never touched.

    Raises:
        EngineError: what its record names cannot be reached, or is not its own; or the folder cannot be changed.
    """
    folder, record = look.folder, look.record
    if not record.state.is_over or look.remark is not None or not is_ours(folder):
        return []
    kept = []
    if record.kept and record.handle is not None and (left := load_engine(record.engine).kept(record.handle)):
        kept.append(left)
    if folder.places.is_dir():
        kept.append(f"{folder.places.name}/ (links to the run's data)")
    half_written = find_half_written(folder)
    kept += [f"{path.relative_to(folder.path)} (half-written)" for path in half_written]
    if kept and really:
        engine = load_engine(record.engine)
        handle = engine.find(record.run_id, folder.path, record.handle)
        if handle is not None:
            engine.clean_up(handle, folder.console_log, keep=False)
        try:
            for path in half_written:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            shutil.rmtree(folder.places, ignore_errors=True)
            folder.write(replace(record, kept=False))
        except OSError as error:
            raise cannot_write_run(error, folder.path) from error
    return kept


class _AskedSeldom:
    """A question that costs something, asked every other second however often somebody wants to know."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask = ask
        self._next_s = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if now < self._next_s:
            return False
        self._next_s = now + _ASK_EVERY_S
        return self._ask()


def _pause() -> None:
    time.sleep(_LOOK_EVERY_S)
