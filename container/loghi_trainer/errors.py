"""What can go wrong in the trainer; `__main__` maps each to a `failed` event and an exit code.

TrainerError
 +- DataError       base model, lists, images      exit 3
 +- DeviceError     a GPU asked for is not there   exit 4
 +- StorageError    the out folder cannot be written  exit 4
 +- TrainingFailed  the training itself            exit 5
 +- JobError        job.json of another contract   exit 6
"""

from loghi_contract.errors import PlainError
from loghi_contract.exit_codes import ExitCode


class TrainerError(PlainError):
    """Ends the run with a `failed` event."""


class DataError(TrainerError):
    exit_code = ExitCode.DATA


class DeviceError(TrainerError):
    exit_code = ExitCode.ENGINE


class StorageError(TrainerError):
    exit_code = ExitCode.ENGINE


class TrainingFailed(TrainerError):
    exit_code = ExitCode.TRAINING


class JobError(TrainerError):
    exit_code = ExitCode.CONTRACT
