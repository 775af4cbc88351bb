"""The one way a run is concluded, whoever does it: its record, its report, and nothing half-written left over."""

import shutil
from collections.abc import Callable
from dataclasses import replace

from loghi_contract.model_folder import MODEL_FILE
from loghi_contract.saved_epoch import SavedEpoch, read_saved_epoch
from loghi_runner.engines.base import Engine, Handle, ProcessEnd
from loghi_runner.errors import RunnerError
from loghi_runner.files import is_file, is_folder, is_there, why_not_written
from loghi_runner.runs.conclude import Stops, conclude, explained_by_disk, read_tail, removed
from loghi_runner.runs.verdict import judge_run
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.run_report import write_run_report
from loghi_runner.runs.rundir import RunFailure, RunFolder, RunRecord


def finish_run(
    folder: RunFolder,
    record: RunRecord,
    progress: Progress,
    handle: Handle | None,
    end: ProcessEnd,
    engine: Engine,
    *,
    stops: Stops | None = None,
    from_scratch: bool,
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
    """
    stops = stops or Stops()
    stops = replace(stops, killed=stops.killed or is_there(folder.kill_mark))
    is_removed = not is_folder(folder.out)
    keep = progress.finished is None and not stops.killed and not is_removed
    try:
        if handle is not None:
            engine.clean_up(handle, folder.console_log, keep=keep)
        elif not keep:
            shutil.rmtree(folder.places, ignore_errors=True)
    except (RunnerError, OSError):
        keep = True  # the daemon is away or the disk is full: `clean` removes it later, the run has its end now
    shutil.rmtree(folder.saving, ignore_errors=True)
    record = replace(record, kept=keep)
    if not is_folder(folder.path):
        return record.with_failure(removed("run folder"))  # which is not made again for the sake of a record
    if is_removed:
        refused = refused or removed("run's folder out")
    if refused is not None:
        return _kept(folder, record.with_failure(refused), note)
    record = conclude(
        record,
        progress,
        end,
        read_tail(folder.console_log),
        best=best_on_disk(folder, progress),
        stops=stops,
        from_scratch=from_scratch,
        judgement=judge_run(folder.out),
    )
    try:
        if progress.finished is not None:
            # before run.json says that the run is over: nobody concludes it again then
            _write_report(folder, record, note)
    finally:
        record = _kept(folder, record, note)
    return record


def best_on_disk(folder: RunFolder, progress: Progress) -> SavedEpoch | None:
    """Which epoch the model in best_val is, with its CER where it was scored; None where there is no model.

    The file says it. Of an older trainer, whose files do not, it is the epoch that was announced last.
    """
    file = folder.best_val / MODEL_FILE
    if not is_file(file):
        return None
    saved = read_saved_epoch(file)
    if saved is None and progress.best_val_epoch is not None:
        saved = SavedEpoch(progress.best_val_epoch)
    if saved is None or saved.val_cer is not None:
        return saved
    scored = next((row.val_cer for row in progress.epochs if row.epoch == saved.epoch), None)
    return SavedEpoch(saved.epoch, scored)


def _write_report(folder: RunFolder, record: RunRecord, note: Callable[[str], None]) -> None:
    try:
        write_run_report(folder, record)
    except OSError as error:
        # the model is there and the run has its end: a full disk must not take that back
        why = why_not_written(error, folder.out)
        note(f"the report cannot be written: {why}; `loghi-runner report RUN` makes it later")


def _kept(folder: RunFolder, record: RunRecord, note: Callable[[str], None]) -> RunRecord:
    try:
        folder.write(record)
    except OSError as error:
        # the run is told to its end all the same; whoever looks next concludes it again from its events
        note(f"run.json cannot be written: {why_not_written(error, folder.path)}")
        return explained_by_disk(record, error)
    return record
