"""Going on from a checkpoint: only with the run, the lines and the settings it is of; what may differ is told."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from loghi_contract.checkpoint import Checkpoint, NoCheckpoint, TrainingState, find_checkpoint
from loghi_contract.events import Notice, Resumed, Started
from loghi_contract.job import JobSpec
from loghi_contract.places import LAST
from loghi_trainer.data import RunData
from loghi_trainer.errors import DataError
from loghi_trainer.reporter import Reporter

_WHAT = ("loghi-runner", "the framework", "the device", "the processor", "the number of cores")
_BEGIN_ANEW = "Begin a new run with `loghi-runner finetune`; best_val is kept."


def differences(then: Started, now: Started) -> Iterator[Notice]:
    """A warning for each thing of those that come to the same weights bit for bit, and was another then."""
    for what, before, here in zip(_WHAT, _surroundings(then), _surroundings(now), strict=True):
        if before != here:
            message = f"{what} was {before} before the interruption, and is {here} now"
            hint = "The training goes on well; its numbers are not to the last digit those of one machine alone."
            yield Notice("resume.elsewhere", message, hint)


def open_last(out: Path, reporter: Reporter) -> Checkpoint:
    """The newest whole checkpoint; told before all else, as what comes now comes again.

    Raises:
        DataError: there is none.
    """
    try:
        checkpoint = find_checkpoint(out)
    except NoCheckpoint as error:
        message = "there is no checkpoint to go on from"
        if error.damaged:
            message = f"no checkpoint is whole: {error}"
        raise DataError("resume.no_checkpoint", message, where=str(LAST), hint=_BEGIN_ANEW) from error
    reporter.emit(Resumed(checkpoint.state.epoch, checkpoint.state.step))
    for what in checkpoint.damaged:
        message = f"the newest checkpoint is damaged, the one before it is taken: {what}"
        reporter.emit(Notice("last.damaged", message, "Is the disk sound? What was trained since is done again."))
    return checkpoint


def require_same_run(state: TrainingState, job: JobSpec, lines: str) -> None:
    """Raise DataError where a checkpoint is not of this job and these lines (`lines_sha256`)."""
    if state.run_id != job.run_id:
        message = f"the checkpoint is of another run, {state.run_id}"
        raise DataError("resume.other_run", message, where=str(LAST), hint=_BEGIN_ANEW)
    if state.lines_sha256 != lines:
        message = "the lines are others than before the interruption: their order, texts, widths or number have changed"
        hint = f"Bring the line images back as they were. {_BEGIN_ANEW}"
        raise DataError("resume.other_lines", message, where="train", hint=hint)


def lines_sha256(job: JobSpec, data: RunData) -> str:
    """Of all that decides which line is trained on when, and what is scored: an epoch's batches follow from it."""
    training = job.training
    total = hashlib.sha256(f"{training.seed} {training.batch_size} {training.augmentation.value}\n".encode())
    for split in data.splits:
        for line in split.lines:
            told = (split.name, line.sample.image, repr(line.sample.weight), str(line.width_px), line.text)
            total.update(("\t".join(told) + "\n").encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _surroundings(told: Started) -> tuple[str, ...]:
    versions, machine = told.versions, told.machine
    return (
        versions.trainer,
        f"Keras {versions.keras} on {versions.backend}",
        f"{told.device.name} ({told.device.kind})",
        machine.processor if machine else "not known",
        str(machine.cores if machine else "not known"),
    )
