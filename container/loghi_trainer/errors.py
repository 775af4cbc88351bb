"""What can go wrong in the trainer; `__main__` maps each to a `failed` event and an exit code.

TrainerError
 +- DataError       base model, lists, images      exit 3
 +- DeviceError     a GPU asked for is not there   exit 4
 +- StorageError    the out folder cannot be written  exit 4
 +- MemoryRanOut    of the machine, or of the card  exit 4
 +- TrainingFailed  the training itself            exit 5
 +- JobError        job.json of another contract   exit 6
"""

import re

from loghi_contract.errors import PlainError
from loghi_contract.exit_codes import ExitCode
from loghi_contract.memory_words import ON_CARD, ON_MACHINE


class TrainerError(PlainError):
    """Ends the run with a `failed` event."""


class DataError(TrainerError):
    exit_code = ExitCode.DATA


class DeviceError(TrainerError):
    exit_code = ExitCode.ENGINE


class StorageError(TrainerError):
    exit_code = ExitCode.ENGINE


class MemoryRanOut(TrainerError):
    exit_code = ExitCode.ENGINE


class TrainingFailed(TrainerError):
    exit_code = ExitCode.TRAINING


class JobError(TrainerError):
    exit_code = ExitCode.CONTRACT


#: The frameworks' own classes; by name, as a framework may not be there (yet).
_FRAMEWORKS_OUT_OF_MEMORY = {"ResourceExhaustedError", "OutOfMemoryError"}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory is what was lacking: the card's, or the machine's."""
    return _of_framework(error) or _of_machine(error)


def as_out_of_memory(error: Exception, *, on_card: bool, limit: str | None) -> MemoryRanOut | None:
    """The error for people when memory is what was lacking, None when it was something else.

    Args:
        on_card: whether the network is on a graphics card, whose memory the frameworks then speak of.
        limit: what is known of a limit for this process.
    """
    if not is_out_of_memory(error):
        return None
    if on_card and _of_framework(error):
        return MemoryRanOut(
            "gpu.out_of_memory",
            "the graphics card's memory ran out",
            hint="Choose a card that nobody else uses (`loghi-runner doctor`), or halve training.batch_size.",
        )
    if limit is not None:
        return MemoryRanOut(
            "memory.out_of_memory", f"memory ran out: {limit}", hint="Raise the limit, or halve training.batch_size."
        )
    return MemoryRanOut(
        "memory.out_of_memory",
        "the machine ran out of memory (not the graphics card)",
        hint="Close other programs, or halve training.batch_size.",
    )


def _of_framework(error: BaseException) -> bool:
    """By its class; or by its words, where a library of the framework's has none and others raise for it."""
    if isinstance(error, TrainerError):
        return False
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(_FRAMEWORKS_OUT_OF_MEMORY & names) or re.search(ON_CARD, str(error)) is not None


def _of_machine(error: BaseException) -> bool:
    if isinstance(error, TrainerError):
        return False
    return isinstance(error, MemoryError) or re.search(ON_MACHINE, str(error)) is not None
