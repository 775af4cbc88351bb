"""What can go wrong on the host side.

RunnerError
 +- UsageError      the command or the config          exit 2
 +- DataError       base model, line lists, images     exit 3
 +- EngineError     Docker, GPU, disk, machine         exit 4
 |   +- PlatformError   eScriptorium or another platform
 +- TrainingError   the trainer failed                 exit 5
 +- ContractError   image and host do not fit          exit 6
"""

from typing import Any  # JSON values have no narrower type

from loghi_contract.errors import PlainError
from loghi_contract.exit_codes import ExitCode


class RunnerError(PlainError):
    """Ends a command; `cli` prints it and exits with `exit_code`."""

    def details(self) -> dict[str, Any]:
        """What `--json` says of it beside the sentences, as JSON."""
        return {}


class UsageError(RunnerError):
    exit_code = ExitCode.USAGE


class DataError(RunnerError):
    exit_code = ExitCode.DATA


class EngineError(RunnerError):
    exit_code = ExitCode.ENGINE


class PlatformError(EngineError):
    """A platform did not give what was asked of it. `may_pass`: later it well may, so results are kept until then."""

    def __init__(
        self, code: str, message: str, *, where: str | None = None, hint: str | None = None, may_pass: bool = False
    ) -> None:
        super().__init__(code, message, where=where, hint=hint)
        self.may_pass = may_pass


class TrainingError(RunnerError):
    exit_code = ExitCode.TRAINING


class ContractError(RunnerError):
    exit_code = ExitCode.CONTRACT


#: The class for each exit code, for errors that arrive as numbers: findings, and the trainer's last event.
ERROR_CLASSES: dict[ExitCode, type[RunnerError]] = {
    kind.exit_code: kind for kind in (RunnerError, UsageError, DataError, EngineError, TrainingError, ContractError)
}
