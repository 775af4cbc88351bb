"""Finds what a script says about one thing: a variable, or the option the call gets."""

import re
from dataclasses import dataclass

from loghi_runner.upstream_script.script import Script
from loghi_runner.upstream_script.values import Reason, Unknown, Value


@dataclass(frozen=True)
class Found:
    """A value, and the variable (or `--option`) and line a reader finds it at."""

    label: str
    line: int
    value: Value

    @property
    def text(self) -> str:
        return self.value.text.strip()


def find(script: Script, variables: tuple[str, ...], option: str | None = None) -> Found | None:
    """Return the value that reaches main.py; the variable's own where the call does not show it."""
    name = next((name for name in variables if name in script.settings), None)
    given = script.call.options.get(option) if script.call and option else None
    if given and given.value and (not name or given.value.text != script.settings[name].value.text):
        known = script.unknowns.first_in(given.value.text) is None
        if known or not name:
            if given.variable in script.settings:
                return Found(given.variable, script.settings[given.variable].line, given.value)
            return Found(f"--{option}", given.line, given.value)
    return Found(name, script.settings[name].line, script.settings[name].value) if name else None


def problem_of(script: Script, found: Found, *, is_path: bool = False) -> str | None:
    """Return why a value cannot be used, as the end of a sentence; None if it can."""
    unknown = script.unknowns.first_in(found.value.text)
    if unknown:
        return _unknown(unknown)
    if not found.text:
        return "it is empty"
    example = _EXAMPLE.search(found.text)
    if example:
        return f"it still holds the example text {shorten(example.group())}"
    if is_path and _WINDOWS.match(found.text):
        return "it is a Windows path, and the script runs on Linux (WSL calls drive C /mnt/c)"
    return None


def shorten(text: str) -> str:
    """Return text as one line of at most 60 characters, for a sentence."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def _unknown(unknown: Unknown) -> str:
    source = shorten(unknown.source)
    return {
        Reason.TEMPORARY: f"it lies in a temporary folder, {source}",
        Reason.COMMAND: f"it needs {source} to be run, and the script is only read",
        Reason.ARGUMENT: f"it comes from {source}, which is given when the script is started",
        Reason.UNSET: f"it uses {source}, which the script never sets",
        Reason.CONDITION: f"it depends on {source}, which is set in a loop or under a condition",
    }[unknown.reason]


_LONGEST = 60
_EXAMPLE = re.compile(
    r"(?:INSERT|PATH_TO|FULL_PATH|YOUR|FILL_IN|CHANGE_?ME|REPLACE_ME|REPLACE_WITH)(?:_[A-Z0-9_]+|\b)"
    r"|/path/to/\S*|/\.\.\.(?=/|$)"
)
_WINDOWS = re.compile(r"[A-Za-z]:")
