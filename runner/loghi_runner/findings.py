"""What a check before the run has to say: how grave, what is wrong, where, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from loghi_contract.exit_codes import ExitCode
from loghi_runner.errors import RunnerError


class Severity(str, Enum):
    """An error stops the run; a warning may spoil it; an info explains a choice."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


#: The exit code of a run that an error finding stopped, by the first part of its code.
_EXIT_CODES = {
    "config": ExitCode.USAGE,
    "output": ExitCode.USAGE,
    "model": ExitCode.DATA,
    "data": ExitCode.DATA,
    "charset": ExitCode.DATA,
    "disk": ExitCode.ENGINE,
    "engine": ExitCode.ENGINE,
    "gpu": ExitCode.ENGINE,
    "contract": ExitCode.CONTRACT,
}


@dataclass(frozen=True)
class Finding:
    """One thing a check found; `where` is `file:line`, a key of the config, or a path."""

    severity: Severity
    code: str
    message: str
    where: str | None = None
    hint: str | None = None

    @property
    def exit_code(self) -> ExitCode:
        """What a command ends with when this finding stops it."""
        return _EXIT_CODES[self.code.partition(".")[0]]


def finding_of(error: RunnerError) -> Finding:
    """The same as a finding, where it is one thing among several that are told."""
    return Finding(Severity.ERROR, error.code, error.message, error.where, error.hint)


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Only the findings that stop the run."""
    return tuple(finding for finding in findings if finding.severity is Severity.ERROR)


def for_folder(findings: Iterable[Finding], folder: Path) -> tuple[Finding, ...]:
    """The same, for a command that was given a folder of pages where a run has `data.pages` in its config."""
    return tuple(
        replace(finding, where=str(folder)) if finding.where == "data.pages" else finding for finding in findings
    )
