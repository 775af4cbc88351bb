"""A run whose trainer ended through no fault of its config goes on by itself, once, from its last checkpoint."""

from loghi_contract.checkpoint import can_go_on
from loghi_runner.errors import RunnerError
from loghi_runner.finetuning.resume import ResumeWish, resume
from loghi_runner.runs.card_watch import HUNG
from loghi_runner.runs.folder import RunFolder, RunRecord, RunState
from loghi_runner.runs.look import is_out_of_memory, look_at
from loghi_runner.runs.run_trainer import RunView

#: What another card, or the same one in a new process, may not do again.
_AT_THE_CARD = ("gpu.lost", "gpu.fault", HUNG)


def go_on_once(folder: RunFolder, record: RunRecord, view: RunView) -> RunRecord:
    """The record of the run as it ended in the end.

    It goes on where its card was lost or hung, on one that is free, and where it took more memory than its container
    may, with half of that; only the first time, and only where a checkpoint is there.
    """
    why = _why(record)
    if why is None or record.resumptions or not can_go_on(folder.out):
        return record
    view.note(f"{why}: it goes on from its last checkpoint, once")
    return _gone_on(folder, record, ResumeWish(with_less_memory=is_out_of_memory(record)), view)


def go_on_after_death(folder: RunFolder, record: RunRecord, view: RunView) -> RunRecord:
    """The same for a run whose trainer died without a word together with its `finetune`, as when a machine restarts."""
    if record.state not in (RunState.LOST, RunState.FAILED) or record.resumptions or not can_go_on(folder.out):
        return record
    if look_at(folder).progress.failed is not None:
        return record
    return _gone_on(folder, record, ResumeWish(), view)


def _gone_on(folder: RunFolder, record: RunRecord, wish: ResumeWish, view: RunView) -> RunRecord:
    try:
        return resume(folder, wish, view)
    except RunnerError as error:
        view.note(f"the run cannot go on: {error.message}")
        return record


def _why(record: RunRecord) -> str | None:
    if record.state is not RunState.FAILED or record.error is None:
        return None
    return record.error.message if record.error.code in _AT_THE_CARD or is_out_of_memory(record) else None
