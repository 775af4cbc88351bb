"""How a run stands. One of ours that ended while nobody followed it is concluded by whoever looks."""

import contextlib
import time
from dataclasses import dataclass, replace
from functools import cached_property

from loghi_contract.exit_codes import ExitCode
from loghi_runner.engines import load_engine
from loghi_runner.engines.base import Engine, Handle, ProcessEnd
from loghi_runner.engines.processes import find_process, is_by_clock, machine_name
from loghi_runner.errors import EngineError
from loghi_runner.files import is_file
from loghi_runner.runs.finish import finish_run
from loghi_runner.runs.follow import read_events
from loghi_runner.runs.owner import is_ours, owner_name
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.rundir import RunFailure, RunFolder, RunRecord, RunState
from loghi_runner.wording import duration

#: A trainer that cannot be seen from here, and has written nothing for so long, is lost.
LOST_AFTER_S = 3600.0

_NEVER_STARTED = RunFailure(
    "run.never_started", "loghi-runner ended before the trainer was started", int(ExitCode.ENGINE)
)


@dataclass(frozen=True)
class Look:
    """A run as it stands now. `remark` says what could not be known or done from here."""

    folder: RunFolder
    record: RunRecord
    remark: str | None = None

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


def silent_s(folder: RunFolder) -> float:
    """How long nothing was heard of the run."""
    try:
        heard = folder.events_file.stat().st_mtime
    except OSError:
        heard = folder.record_file.stat().st_mtime
    return time.time() - heard


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
        return Look(folder, record if going_on == record else _keep_record(folder, going_on))
    progress = _progress(folder, record)
    has_last_word = progress.finished is not None or progress.failed is not None
    if record.state.is_over and not has_last_word:
        return Look(folder, record)  # as lost as before
    if handle is None and elsewhere is not None:
        silence_s = silent_s(folder)
        if silence_s < LOST_AFTER_S:
            return Look(folder, record, elsewhere)
        if not has_last_word:
            # its own machine may know better, so this is not written down
            return Look(folder, record.with_failure(_unheard_of(silence_s), RunState.LOST), elsewhere)
    if handle is None and record.handle is None and progress.began_t is None:
        return Look(folder, _keep_record(folder, record.with_failure(_NEVER_STARTED)))
    record = replace(record, handle=handle or record.handle)
    job = folder.read_job()
    from_scratch = job is not None and job.vgsl is not None
    return Look(folder, finish_run(folder, record, progress, handle, end, engine, from_scratch=from_scratch))


def _going_on(record: RunRecord, handle: Handle | None) -> RunRecord:
    return replace(record, state=RunState.RUNNING, handle=handle, ended=None, exit_code=None, error=None)


def _elsewhere(record: RunRecord, engine: Engine) -> str | None:
    host = record.host
    if host is None or engine.reachable_from(host.machine):
        return None
    return f"started on {host.machine}: look there whether it still runs"


def _unheard_of(silence_s: float) -> RunFailure:
    return RunFailure(
        "run.lost",
        f"the trainer cannot be seen from here and has written nothing for {duration(silence_s)}",
        int(ExitCode.ENGINE),
        "Was its machine restarted under another name? If it still trains, `loghi-runner show RUN` says so there.",
    )


def _keep_record(folder: RunFolder, record: RunRecord) -> RunRecord:
    # an archive that only may be read is concluded again at every look
    with contextlib.suppress(OSError):
        folder.write(record)
    return record


def _progress(folder: RunFolder, record: RunRecord) -> Progress:
    job = folder.read_job()
    return Progress.of(read_events(folder.events_file), job.training.epochs if job is not None else record.epochs)
