"""What every error of host and trainer says: what is wrong, where, and what to do."""

from typing import ClassVar

from loghi_contract.exit_codes import ExitCode


class PlainError(Exception):
    """An error for people; `code` is for scripts, `exit_code` what the process ends with."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, code: str, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = where
        self.hint = hint
