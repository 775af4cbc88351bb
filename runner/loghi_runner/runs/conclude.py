"""How a run ended: from its events, or, when the trainer left no last word, from how its process ended."""

import signal
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract.events import FinishStatus, Notice
from loghi_contract.exit_codes import ExitCode
from loghi_contract.files import open_plain
from loghi_contract.saved_epoch import SavedEpoch
from loghi_runner.clock import utc_now
from loghi_runner.engines.base import ProcessEnd
from loghi_runner.runs.crash_messages import disk_fault, recognise_crash
from loghi_runner.runs.verdict import RunJudgement
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.rundir import RunFailure, RunRecord, RunState
from loghi_runner.runs.verdict import verdict_of

_TAIL_BYTES = 16 * 1024
_SEE_LOG = "`loghi-runner logs RUN --console` shows what the trainer printed."
#: Failures that only say that the trainer left no last word.
_WITHOUT_CAUSE = ("trainer.ended", "trainer.no_last_event", "run.lost")
#: The trainer's word on a limit of its memory, and how a library ends that meets it.
_LIMITED = "memory.limited"
_FAILED_ALLOCATION = (signal.SIGSEGV, signal.SIGABRT)
#: The trainer's own code of an exception that it does not know.
_UNEXPECTED = "trainer.bug"
_INTERRUPTED = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)


@dataclass(frozen=True)
class Stops:
    """What the host did to the trainer: `killed` after a second Ctrl+C, `terminated` after a SIGTERM to the host."""

    asked: bool = False
    killed: bool = False
    terminated: bool = False

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.TERMINATED if self.terminated else ExitCode.INTERRUPTED


def conclude(
    record: RunRecord,
    progress: Progress,
    end: ProcessEnd,
    console_tail: str,
    *,
    best: SavedEpoch | None = None,
    stops: Stops | None = None,
    from_scratch: bool = False,
    judgement: RunJudgement | None = None,
) -> RunRecord:
    """The record with the run's state, verdict or error, and exit code.

    Args:
        best: the model that is on disk, None where there is none.
    """
    stops = stops or Stops()
    finished, failed = progress.finished, progress.failed
    if finished is not None:
        cancelled = finished.status is FinishStatus.CANCELLED
        ended_by = ExitCode.TERMINATED if end.exit_code == ExitCode.TERMINATED else stops.exit_code
        return replace(
            record,
            state=RunState.CANCELLED if cancelled else RunState.FINISHED,
            ended=utc_now(),
            exit_code=int(ended_by if cancelled else ExitCode.OK),
            status=finished.status.value,
            best_epoch=finished.best_epoch,
            best_val_cer=finished.best_val_cer,
            verdict=verdict_of(progress, from_scratch=from_scratch, judgement=judgement),
            error=None,
        )
    if best is not None:
        record = replace(record, best_epoch=best.epoch, best_val_cer=best.val_cer)
    if failed is not None:
        return record.with_failure(explain_end(progress, end, console_tail))
    if stops.killed:
        failure = RunFailure("run.killed", f"ended at once, as asked{_kept(record)}", int(stops.exit_code))
        return record.with_failure(failure, RunState.CANCELLED)
    failure = explain_end(progress, end, console_tail)
    state = RunState.LOST if failure.code == "run.lost" else RunState.FAILED
    return record.with_failure(replace(failure, message=failure.message + _kept(record)), state)


def explain_end(progress: Progress, end: ProcessEnd, console_tail: str) -> RunFailure:
    """Why a trainer has no good end: in its own words where it left any, else from how its process ended."""
    failed = progress.failed
    if failed is None:
        limit = next((notice for notice in progress.notices if notice.code == _LIMITED), None)
        return _without_last_word(end, console_tail, limit)
    known = recognise_crash(failed.message) if failed.code == _UNEXPECTED else None
    if known is not None:
        # the framework raises the same few exceptions for all that can happen to a card: only the words tell
        failed = replace(
            failed, code=known.code, exit_code=int(known.exit_code), message=known.message, hint=known.hint
        )
    traceback = f"The details are in out/{failed.traceback_file}." if failed.traceback_file else None
    hint = " ".join(part for part in (failed.hint, traceback) if part) or _SEE_LOG
    return RunFailure(failed.code, failed.message, failed.exit_code, hint, failed.where)


def explained_by_disk(record: RunRecord, error: OSError) -> RunRecord:
    """The record of a run without a last word, when its folder cannot be written: that is why it has none."""
    if record.error is None or record.error.code not in _WITHOUT_CAUSE:
        return record
    known = disk_fault(error)
    if known is None:
        return record
    failure = RunFailure(known.code, known.message + _kept(record), int(known.exit_code), known.hint)
    return replace(record, error=failure, exit_code=failure.exit_code, state=RunState.FAILED)


def removed(what: str) -> RunFailure:
    """Why a run has no good end whose folder is gone: nothing of it can be kept or explained."""
    return RunFailure(
        "run.removed",
        f"the {what} was removed while it ran; nothing of it is kept",
        int(ExitCode.ENGINE),
        "Start it again, and leave its folder alone until it is over; `loghi-runner stop RUN` ends a run.",
    )


def read_tail(console_log: Path) -> str:
    """The end of console.log; "" when there is none."""
    try:
        with open_plain(console_log) as file:
            size = file.seek(0, 2)
            file.seek(max(size - _TAIL_BYTES, 0))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _kept(record: RunRecord) -> str:
    return "" if record.best_epoch is None else f"; best_val of epoch {record.best_epoch} is kept"


def _without_last_word(end: ProcessEnd, console_tail: str, limit: Notice | None) -> RunFailure:
    code = end.exit_code
    if end.out_of_memory:
        return _out_of_memory("the trainer was ended because memory ran out", end.memory_bytes)
    known = recognise_crash(console_tail)
    if known is not None:
        return RunFailure(known.code, known.message, int(known.exit_code), known.hint)
    if code is None:
        return RunFailure(
            "run.lost",
            "the trainer is gone and nobody saw it end (was the machine restarted?)",
            int(ExitCode.ENGINE),
            _SEE_LOG,
        )
    number = _signal_of(code)
    if number == signal.SIGKILL:
        return _out_of_memory("the trainer was ended from outside (SIGKILL), most often because memory ran out")
    if number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        ended_by = ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED
        return RunFailure("run.terminated", f"the trainer was ended from outside ({_name(number)})", int(ended_by))
    if number == signal.SIGBUS:
        return RunFailure(
            "engine.shared_memory",
            "the trainer crashed (bus error): shared memory or the disk ran out",
            int(ExitCode.ENGINE),
            "Free space on the disk. In a container, /dev/shm may be too small.",
        )
    if number in _FAILED_ALLOCATION and limit is not None:
        message = f"the trainer crashed ({_name(number)}); {limit.message}, which may be too little"
        return RunFailure("trainer.crashed", message, int(ExitCode.TRAINING), limit.hint)
    if number is not None:
        return RunFailure("trainer.crashed", f"the trainer crashed ({_name(number)})", int(ExitCode.TRAINING), _SEE_LOG)
    if code == ExitCode.OK:
        return RunFailure("trainer.no_last_event", "the trainer ended without saying how", int(ExitCode.BUG), _SEE_LOG)
    exit_code = code if code in set(ExitCode) and code not in _INTERRUPTED else ExitCode.TRAINING
    return RunFailure(
        "trainer.ended", f"the trainer ended with exit code {code} and no explanation", int(exit_code), _SEE_LOG
    )


def _out_of_memory(message: str, limit_bytes: int | None = None) -> RunFailure:
    hint = "Halve training.batch_size, close other programs, or give the container or virtual machine more memory."
    if limit_bytes is not None:
        message = f"{message}: it may take {limit_bytes / 1e9:.1f} GB"
        hint = "Halve training.batch_size, or let it take more with engine.memory, if the machine has more."
    return RunFailure("memory.out_of_memory", message, int(ExitCode.ENGINE), hint)


def _signal_of(exit_code: int) -> int | None:
    """Negative as subprocess counts, 128 + n as shells and containers count."""
    if exit_code < 0:
        return -exit_code
    return exit_code - 128 if 128 < exit_code <= 128 + 64 else None


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
