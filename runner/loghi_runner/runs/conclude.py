"""The end of a run, concluded in one way whoever does it: its record, its report, and nothing half-written left."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract.checkpoint import UNFINISHED_FILE
from loghi_contract.events import FinishStatus
from loghi_contract.exit_codes import ExitCode
from loghi_contract.files import open_plain
from loghi_contract.saved_epoch import SavedEpoch, read_saved_epoch
from loghi_runner.clock import utc_now
from loghi_runner.engines.base import Engine, Handle, ProcessEnd
from loghi_runner.engines.nvml import lost_cards
from loghi_runner.engines.processes import machine_name
from loghi_runner.errors import RunnerError
from loghi_runner.files import is_file, is_folder, is_there, why_not_written
from loghi_runner.runs.explain import AT_THE_CARD, WITHOUT_CAUSE, disk_fault, explain_end, lost_card
from loghi_runner.runs.folder import RunFailure, RunFolder, RunRecord, RunState
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.run_report import write_run_report
from loghi_runner.runs.verdict import RunJudgement, judge_run, still_improving, verdict_of
from loghi_runner.wording import typed

_TAIL_BYTES = 16 * 1024


@dataclass(frozen=True)
class Stops:
    """What the host did to the trainer: `killed` after a second Ctrl+C, `terminated` after a SIGTERM to the host."""

    asked: bool = False
    killed: bool = False
    terminated: bool = False

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.TERMINATED if self.terminated else ExitCode.INTERRUPTED


def finish_run(
    folder: RunFolder,
    record: RunRecord,
    progress: Progress,
    handle: Handle | None,
    end: ProcessEnd,
    engine: Engine,
    *,
    stops: Stops | None = None,
    refused: RunFailure | None = None,
    note: Callable[[str], None] = lambda _sentence: None,
) -> RunRecord:
    """Conclude a run whose trainer is gone, and return its record as it was written.

    No fault of the disk or the engine keeps a run from its end: each is told to `note`.

    Args:
        progress: of all that the trainer wrote.
        handle: of the trainer; None where nothing of it is left.
        stops: what the caller did to the trainer; a kill by `stop` is known from the run folder.
        refused: why the caller ended it, if that is the reason of its end.

    Raises:
        EngineError: the run goes on elsewhere; its folder is left alone.
    """
    folder.require_turn(record)
    stops = stops or Stops()
    # to be asked kills a program that has not come to listening yet
    killed = stops.killed or (stops.asked and progress.began_t is None) or is_there(folder.kill_mark)
    stops = replace(stops, killed=killed)
    is_removed = not is_folder(folder.out)
    keep = not progress.has_good_end and not stops.killed and not is_removed
    try:
        if handle is not None:
            engine.clean_up(handle, folder.console_log, keep=keep)
        elif not keep:
            shutil.rmtree(folder.places, ignore_errors=True)
    except (RunnerError, OSError):
        keep = True  # the daemon is away or the disk is full: `clean` removes it later, the run has its end now
    shutil.rmtree(folder.saving, ignore_errors=True)
    with suppress(OSError):
        (folder.last / UNFINISHED_FILE).unlink(missing_ok=True)
    record = replace(record, kept=keep)
    if not is_folder(folder.path):
        return record.with_failure(_removed("run folder"))  # which is not made again for the sake of a record
    if is_removed:
        refused = refused or _removed("run's folder out")
    if refused is not None:
        return keep_record(folder, record.with_failure(refused), note)
    job = folder.read_job()
    record = conclude(
        record,
        progress,
        end,
        _tail(folder.console_log),
        best=_best_on_disk(folder, progress),
        stops=stops,
        from_scratch=job is not None and job.vgsl is not None,
        judgement=judge_run(folder.out),
    )
    if record.error is not None and record.gpus and record.error.code in AT_THE_CARD:
        # the trainer only sees that CUDA fails: the driver knows of a card that is gone
        record = _with_lost_cards(record)
    try:
        if progress.finished is not None:
            # before run.json says that the run is over: nobody concludes it again then
            write_run_report(folder, record)
    except OSError as error:
        # the model is there and the run has its end: a full disk must not take that back
        why = why_not_written(error, folder.out)
        note(f"the report cannot be written: {why}; `loghi-runner report {typed(folder.path)}` makes it later")
    finally:
        record = keep_record(folder, record, note)
    return record


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
    finished, failed, base = progress.finished, progress.failed, progress.base
    record = replace(record, base_val_cer=None if base is None else base.val_cer, chosen=progress.chosen)
    if finished is not None:
        cancelled = finished.status is FinishStatus.CANCELLED
        read = progress.self_training
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
            still_improving=still_improving(progress),
            # those of unread lines are planned, and come where the model was sure of some
            epochs=record.epochs if read is None else read.after_epoch + read.epochs,
            error=None,
        )
    if progress.has_good_end:
        return replace(record, state=RunState.FINISHED, ended=utc_now(), exit_code=int(ExitCode.OK), error=None)
    if best is not None:
        record = replace(record, best_epoch=best.epoch, best_val_cer=best.val_cer)
    if failed is not None:
        return record.with_failure(explain_end(progress, end, console_tail))
    if stops.killed:
        failure = RunFailure("run.killed", f"stopped at once, as asked{_and_model(record)}", int(stops.exit_code))
        return record.with_failure(failure, RunState.CANCELLED)
    failure = explain_end(progress, end, console_tail)
    state = RunState.LOST if failure.code == "run.lost" else RunState.FAILED
    return record.with_failure(replace(failure, message=failure.message + _and_model(record)), state)


def keep_record(
    folder: RunFolder, record: RunRecord, note: Callable[[str], None] = lambda _sentence: None
) -> RunRecord:
    """Write run.json and return it as it is then, or, where the disk does not take it, as it would be."""
    try:
        folder.write(record)
    except OSError as error:
        # the run is told to its end all the same; whoever looks next concludes it again from its events
        note(f"run.json cannot be written: {why_not_written(error, folder.path)}")
        return _explained_by_disk(record, error)
    return record


def _with_lost_cards(record: RunRecord) -> RunRecord:
    if record.error is None or record.host is None or record.host.machine != machine_name():
        return record
    said = lost_cards(record.gpus)
    return replace(record, error=lost_card(record.error, said), exit_code=int(ExitCode.ENGINE)) if said else record


def _best_on_disk(folder: RunFolder, progress: Progress) -> SavedEpoch | None:
    """Which epoch the model in best_val is, with its CER where it was scored; None where there is no model.

    The file says it. Of an older trainer, whose files do not, it is the epoch that was announced last.
    """
    if not is_file(folder.model_file):
        return None
    saved = read_saved_epoch(folder.model_file)
    if saved is None and progress.best_val_epoch is not None:
        saved = SavedEpoch(progress.best_val_epoch)
    if saved is None or saved.val_cer is not None:
        return saved
    scored = next((row.val_cer for row in progress.epochs if row.epoch == saved.epoch), None)
    return SavedEpoch(saved.epoch, scored)


def _explained_by_disk(record: RunRecord, error: OSError) -> RunRecord:
    """The record of a run without a last word, when its folder cannot be written: that is why it has none."""
    if record.error is None or record.error.code not in WITHOUT_CAUSE:
        return record
    known = disk_fault(error)
    if known is None:
        return record
    failure = replace(known, message=known.message + _and_model(record))
    return replace(record, error=failure, exit_code=failure.exit_code, state=RunState.FAILED)


def _removed(what: str) -> RunFailure:
    """Why a run has no good end whose folder is gone: nothing of it can be kept or explained."""
    message = f"the {what} was removed while it ran; nothing of it is kept"
    hint = "Start it again, and leave its folder alone until it is over; `loghi-runner stop` ends a run."
    return RunFailure("run.removed", message, int(ExitCode.ENGINE), hint)


def _tail(console_log: Path) -> str:
    """The end of console.log; "" when there is none."""
    try:
        with open_plain(console_log) as file:
            size = file.seek(0, 2)
            file.seek(max(size - _TAIL_BYTES, 0))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _and_model(record: RunRecord) -> str:
    return "" if record.best_epoch is None else f"; best_val of epoch {record.best_epoch} is kept"
