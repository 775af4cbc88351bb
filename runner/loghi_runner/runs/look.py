"""A run seen from outside: how it stands, followed and stopped.

One of ours that ended while nobody followed it is concluded by whoever looks.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from loghi_contract.events import Event
from loghi_contract.exit_codes import ExitCode
from loghi_runner.engines import load_engine
from loghi_runner.engines.base import Engine, Handle, ProcessEnd, Signal
from loghi_runner.engines.card_queue import find_waiter
from loghi_runner.engines.processes import find_process, is_by_clock, machine_name
from loghi_runner.errors import EngineError, RunnerError, UsageError
from loghi_runner.files import is_file, is_folder, is_there
from loghi_runner.runs.conclude import finish_run, keep_record
from loghi_runner.runs.explain import OUT_OF_MEMORY
from loghi_runner.runs.folder import RunFailure, RunFolder, RunRecord, RunState, is_ours, owner_name, require_ours
from loghi_runner.runs.progress import EventReader, Progress, follow, read_events
from loghi_runner.wording import duration

#: A trainer that cannot be seen from here, and gave no sign of life for so long, is lost: clocks of machines differ.
SILENT_AFTER_S = 300.0
#: The same for one that gives none, and writes what happens.
LOST_AFTER_S = 3600.0

_LOOK_EVERY_S = 0.2
_ASK_EVERY_S = 2.0
_LOOKS_AFTER_LAST_EVENT = 50

_NEVER_STARTED = RunFailure(
    "run.never_started", "loghi-runner ended before the trainer was started", int(ExitCode.ENGINE)
)


@dataclass(frozen=True)
class Look:
    """A run as it stands now. `remark` says what could not be known or done from here."""

    folder: RunFolder
    record: RunRecord
    remark: str | None = None

    @property
    def is_concluded(self) -> bool:
        """Whether the record knows all that came of the run; else its events may know more."""
        return self.record.state.is_over and self.remark is None

    @cached_property
    def progress(self) -> Progress:
        """What its events tell, read when it is asked for: a long run has many."""
        return _progress(self.folder, self.record)


def look_at(folder: RunFolder) -> Look:
    """The run as it stands; one of ours that ended while nobody followed it is concluded here."""
    record = folder.read()
    if _is_final(folder, record):
        return Look(folder, record)
    if not is_ours(folder):
        return Look(folder, record, f"it belongs to {owner_name(folder)}, who alone can bring it up to date or stop it")
    if is_followed(record):
        # one that was given up is not: whoever follows it knows better
        return Look(folder, _going_on(record, record.handle) if record.state.is_over else record)
    record = folder.read()  # whoever followed it may have written its end before leaving
    return Look(folder, record) if _is_final(folder, record) else _brought_up_to_date(folder, record)


def is_followed(record: RunRecord) -> bool:
    """Whether the `finetune` that started the run still follows it on this machine."""
    host = record.host
    if host is None or (host.machine != machine_name() and is_by_clock(host.process)):
        return False
    # of any machine: the boot id in its name is this machine's, or the process is not found
    return find_process(host.process) is not None


def is_out_of_memory(record: RunRecord) -> bool:
    """Whether the engine knows that the trainer was ended for its memory: one that is killed by hand looks alike."""
    if record.error is None or record.error.code != OUT_OF_MEMORY or record.handle is None:
        return False
    with contextlib.suppress(EngineError):
        end = load_engine(record.engine).poll(record.handle)
        return end is not None and end.out_of_memory
    return False


def silent_s(folder: RunFolder) -> float:
    """How long nothing was heard of the run."""
    for file in (folder.beat_file, folder.events_file):
        with contextlib.suppress(OSError):
            return time.time() - file.stat().st_mtime
    return time.time() - folder.record_file.stat().st_mtime


def follow_run(folder: RunFolder, *, steps: bool = True) -> Iterator[tuple[bytes, Event]]:
    """All events of a run from its beginning, until it is over; without `steps` as in `EventReader`."""
    next_s = 0.0

    def is_over() -> bool:
        # a look costs something
        nonlocal next_s
        if time.monotonic() < next_s:
            return False
        next_s = time.monotonic() + _ASK_EVERY_S
        return look_at(folder).record.state.is_over

    reader = EventReader(folder.events_file, steps=steps)
    while True:
        yield from follow(reader, is_over, _pause)
        # whoever asks next shall find the run concluded: after its last event the trainer only closes files
        for _look in range(_LOOKS_AFTER_LAST_EVENT):
            look = look_at(folder)
            if look.record.state.is_over or look.remark is not None:
                return
            _pause()
        # it goes on: that last event was of before an interruption


def fetch_console(look: Look) -> None:
    """Bring console.log up to date; it stays as it is where the trainer cannot be reached."""
    record, folder = look.record, look.folder
    if record.handle is not None and not record.state.is_over and look.remark is None:
        with contextlib.suppress(RunnerError, OSError):
            engine = load_engine(record.engine)
            if (handle := engine.find(record.run_id, folder.path, record.handle)) is not None:
                engine.bring_console(handle, folder.console_log)


def stop_run(folder: RunFolder, *, grace_s: float, begun: Callable[[], None] = lambda: None) -> Look:
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
        raise UsageError("run.over", f"the run is over already: {record.state.word}", where=str(folder.path))
    require_ours(folder, "stop")
    if record.state is RunState.QUEUED and look.remark is None:
        begun()
        return _waits_no_more(look, grace_s)
    if record.handle is None or look.remark is not None:
        message = f"the run cannot be reached: {look.remark or 'its trainer is not started yet'}"
        hint = "Try again in a moment, or stop it on the machine where it was started."
        raise EngineError("run.out_of_reach", message, where=str(folder.path), hint=hint)
    engine = load_engine(record.engine)
    handle = engine.find(record.run_id, folder.path, record.handle)
    if handle is None:
        return look_at(folder)  # it ended by itself
    if not is_file(folder.events_file):
        _mark_killed(folder)  # it may not have come to listening yet, and be killed by this
    engine.signal(handle, Signal.INTERRUPT)
    begun()
    deadline = time.monotonic() + grace_s
    while engine.poll(handle) is None:
        if time.monotonic() > deadline:
            _mark_killed(folder)
            engine.signal(handle, Signal.KILL)
            deadline = time.monotonic() + grace_s
        _pause()
    while is_followed(folder.read()) and not folder.read().state.is_over and time.monotonic() < deadline + grace_s:
        _pause()  # the host writes the record
    return look_at(folder)


def _waits_no_more(look: Look, grace_s: float) -> Look:
    """A run that waited for cards and was told to end: of it nothing is left, or it has begun in this moment."""
    folder, record = look.folder, look.record
    waiter = find_waiter(record.run_id)
    if waiter is None:
        raise EngineError("run.out_of_reach", "the run waits no more", where=str(folder.path), hint="Try again.")
    with contextlib.suppress(ProcessLookupError):
        os.kill(waiter, signal.SIGINT)
    deadline = time.monotonic() + grace_s
    while is_folder(folder.path) and is_followed(record) and time.monotonic() < deadline:
        _pause()
    ended = RunFailure("run.killed", "ended while it waited for a graphics card", int(ExitCode.INTERRUPTED))
    return look_at(folder) if is_folder(folder.path) else Look(folder, record.with_failure(ended, RunState.CANCELLED))


def _is_final(folder: RunFolder, record: RunRecord) -> bool:
    """Whether the record is the last word on the run. Nobody saw the end of one that is lost: it may be going on."""
    if not record.state.is_over or record.error is None:
        return record.state.is_over
    if record.error.code == _NEVER_STARTED.code:
        return not is_file(folder.events_file)
    return record.state is not RunState.LOST


def _brought_up_to_date(folder: RunFolder, record: RunRecord) -> Look:
    """The run of which nobody is there who follows it: its trainer and its events say how it stands."""
    elsewhere = None
    try:
        engine = load_engine(record.engine)
        elsewhere = _elsewhere(record, engine)
        handle = engine.find(record.run_id, folder.path, record.handle)
        end = engine.poll(handle) if handle is not None else ProcessEnd(None)
    except EngineError as error:
        return Look(folder, record, None if record.state.is_over else elsewhere or error.message)
    if end is None:
        going_on = _going_on(record, handle)
        return Look(folder, record if going_on == record else keep_record(folder, going_on))
    progress = _progress(folder, record)
    has_last_word = progress.finished is not None or progress.failed is not None
    if record.state.is_over and not has_last_word:
        return Look(folder, record)  # as lost as before
    if handle is None and elsewhere is not None:
        silence_s = silent_s(folder)
        if silence_s < (SILENT_AFTER_S if is_there(folder.beat_file) else LOST_AFTER_S):
            return Look(folder, record, elsewhere)
        if not has_last_word:
            # its own machine may know better, so this is not written down
            return Look(folder, record.with_failure(_unheard_of(silence_s), RunState.LOST), elsewhere)
    if handle is None and record.handle is None and progress.began_t is None:
        return Look(folder, keep_record(folder, record.with_failure(_NEVER_STARTED)))
    record = replace(record, handle=handle or record.handle)
    return Look(folder, finish_run(folder, record, progress, handle, end, engine))


def _going_on(record: RunRecord, handle: Handle | None) -> RunRecord:
    return replace(record, state=RunState.RUNNING, handle=handle, ended=None, exit_code=None, error=None)


def _elsewhere(record: RunRecord, engine: Engine) -> str | None:
    host = record.host
    if host is None or engine.reachable_from(host.machine):
        return None
    gone = "where that machine is gone, `loghi-runner resume RUN` lets it go on here"
    return f"started on {host.machine}: look there whether it still runs; {gone}"


def _unheard_of(silence_s: float) -> RunFailure:
    message = f"the trainer cannot be seen from here and gave no sign of life for {duration(silence_s)}"
    hint = "Was its machine restarted under another name? If it still trains, `loghi-runner show RUN` says so there."
    return RunFailure("run.lost", message, int(ExitCode.ENGINE), hint)


def _progress(folder: RunFolder, record: RunRecord) -> Progress:
    job = folder.read_job()
    progress = Progress.of(read_events(folder.events_file), job.training.epochs if job is not None else record.epochs)
    if record.resumptions and progress.last_seq <= record.resumptions[-1].after:
        progress.forget_end()  # the trainer that goes on has not said a word yet
    return progress


def _mark_killed(folder: RunFolder) -> None:
    with contextlib.suppress(OSError):  # on a full disk the end is told less well, and must come all the same
        folder.kill_mark.touch()


def _pause() -> None:
    time.sleep(_LOOK_EVERY_S)
