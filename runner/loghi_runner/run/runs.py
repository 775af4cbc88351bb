"""Runs seen from outside: find them, look at them, conclude those whose host is gone, stop and clean them."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract.events import Event
from loghi_contract.exit_codes import ExitCode
from loghi_contract.files import read_plain
from loghi_contract.job import JobSpec, load_job
from loghi_runner.engines import load_engine
from loghi_runner.engines.processes import find_process, machine_name
from loghi_runner.errors import EngineError, RunnerError, UsageError
from loghi_runner.files import is_file, is_folder
from loghi_runner.run.conclude import Stops, conclude, read_tail
from loghi_runner.run.follow import EventReader, follow, read_events
from loghi_runner.run.judge_run import judge_run
from loghi_runner.run.progress import Progress
from loghi_runner.run.rundir import RECORD_FILE, RunFailure, RunFolder, RunRecord

LAST = "last"
DEFAULT_OUTPUT = Path("runs")

_LOOK_EVERY_S = 0.2
_LOOKS_AFTER_LAST_EVENT = 50


@dataclass(frozen=True)
class Look:
    """A run as it stands now. `remark` says what could not be known from here."""

    folder: RunFolder
    record: RunRecord
    progress: Progress
    remark: str | None = None


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
    return sorted((folder for folder in found if is_file(folder.record_file)), key=lambda folder: folder.path.name)


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


def look_at(folder: RunFolder) -> Look:
    """The run's record and progress; a run that ended while nobody followed it is concluded here."""
    record, job = folder.read(), _job(folder)
    events = read_events(folder.events_file)
    progress = Progress.of(events, job.training.epochs if job else None)
    if record.state.is_over or is_followed(record):
        return Look(folder, record, progress)
    if record.host is not None and record.host.machine != machine_name():
        return Look(folder, record, progress, f"started on {record.host.machine}: look there whether it still runs")
    try:
        return _concluded(folder, record, progress, from_scratch=job is not None and job.vgsl is not None)
    except EngineError as error:
        return Look(folder, record, progress, error.message)


def look_at_all(folders: Iterable[RunFolder]) -> tuple[list[Look], list[RunFolder]]:
    """The runs that can be read, and those whose record is damaged."""
    looks, broken = [], []
    for folder in folders:
        try:
            looks.append(look_at(folder))
        except UsageError:
            broken.append(folder)
    return looks, broken


def is_followed(record: RunRecord) -> bool:
    """Whether the `finetune` that started the run still follows it on this machine."""
    host = record.host
    return host is not None and host.machine == machine_name() and find_process(host.process) is not None


def follow_run(folder: RunFolder, pause: Callable[[], None] | None = None) -> Iterator[tuple[bytes, Event]]:
    """All events of a run from its beginning, until it is over."""

    def is_over() -> bool:
        return look_at(folder).record.state.is_over

    wait = pause or _pause
    yield from follow(EventReader(folder.events_file), is_over, wait)
    # whoever asks next shall find the run concluded: after its last event the trainer only closes files
    for _look in range(_LOOKS_AFTER_LAST_EVENT):
        if is_over():
            return
        wait()


def fetch_console(look: Look) -> None:
    """Bring console.log up to date; it stays as it is where the trainer cannot be reached."""
    if look.record.handle is not None and not look.record.state.is_over and look.remark is None:
        with contextlib.suppress(RunnerError, OSError):
            load_engine(look.record.engine).fetch_console(look.record.handle, look.folder.console_log)


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
        UsageError: the run is over already, or runs on another machine.
    """
    look = look_at(folder)
    record = look.record
    if record.state.is_over:
        raise UsageError("run.over", f"the run is over already: {record.state.value}", where=str(folder.path))
    if record.handle is None or look.remark is not None:
        raise EngineError(
            "run.out_of_reach",
            f"the run cannot be reached: {look.remark or 'its trainer is not started yet'}",
            where=str(folder.path),
            hint="Try again in a moment, or stop it on the machine where it was started.",
        )
    engine = load_engine(record.engine)
    engine.interrupt(record.handle)
    begun()
    deadline = clock() + grace_s
    while engine.poll(record.handle) is None:
        if clock() > deadline:
            folder.kill_mark.touch()
            engine.kill(record.handle)
            deadline = clock() + grace_s
        _pause()
    while is_followed(folder.read()) and not folder.read().state.is_over and clock() < deadline + grace_s:
        _pause()  # the host writes the record
    return look_at(folder)


def clean_run(folder: RunFolder, *, really: bool) -> list[str]:
    """What an ended run keeps besides its results; removed only `really`. Models and records are never touched."""
    record = look_at(folder).record
    if not record.state.is_over or record.handle is None:
        return []
    kept = [f"{short_handle(record)}"] if record.kept and record.engine != "local" else []
    if folder.places.is_dir():
        kept.append(f"{folder.places.name}/ (links to the run's data)")
    if kept and really:
        load_engine(record.engine).clean_up(record.handle, folder.console_log, keep=False)
        folder.write(replace(record, kept=False))
    return kept


def short_handle(record: RunRecord) -> str:
    return f"container {record.handle.id[:12]}" if record.handle is not None else "nothing"


def _concluded(folder: RunFolder, record: RunRecord, progress: Progress, *, from_scratch: bool) -> Look:
    if record.handle is None:
        record = record.with_failure(
            RunFailure("run.never_started", "loghi-runner ended before the trainer was started", int(ExitCode.ENGINE))
        )
        return Look(folder, _keep_record(folder, record), progress)
    engine = load_engine(record.engine)
    end = engine.poll(record.handle)
    if end is None:
        return Look(folder, record, progress)
    # read again: what the trainer wrote last may have come after the first look
    progress = Progress.of(read_events(folder.events_file), progress.planned_epochs)
    keep = progress.finished is None
    try:
        engine.clean_up(record.handle, folder.console_log, keep=keep)
    except RunnerError:
        keep = True  # a daemon that is away now must not keep the run from being concluded
    record = conclude(
        replace(record, kept=keep),
        progress,
        end,
        read_tail(folder.console_log),
        stops=Stops(killed=folder.kill_mark.exists()),
        from_scratch=from_scratch,
        judgement=judge_run(folder.out),
    )
    return Look(folder, _keep_record(folder, record), progress)


def _keep_record(folder: RunFolder, record: RunRecord) -> RunRecord:
    # an archive that only may be read is concluded again at every look
    with contextlib.suppress(OSError):
        folder.write(record)
    return record


def _job(folder: RunFolder) -> JobSpec | None:
    try:
        job = load_job(read_plain(folder.job_dir / "job.json").decode())
        return job if isinstance(job, JobSpec) else None
    except (OSError, ValueError):
        return None  # of a newer version, or taken away: the run can be shown without


def _pause() -> None:
    time.sleep(_LOOK_EVERY_S)
