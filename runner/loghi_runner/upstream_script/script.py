"""What following a script without running it has shown."""

from dataclasses import dataclass

from loghi_runner.upstream_script.carried import Note
from loghi_runner.upstream_script.values import Unknowns, Value


@dataclass(frozen=True)
class Setting:
    """The value a variable has when training starts, and the line that gave it."""

    value: Value
    line: int


@dataclass(frozen=True)
class Option:
    """One option of the call of main.py; `variable` is the variable its value, or the option itself, came from."""

    value: Value | None
    line: int
    variable: str | None


@dataclass(frozen=True)
class Call:
    """The call of main.py that trains; `launcher` holds the known words before it (docker, its options, python)."""

    line: int
    launcher: tuple[str, ...]
    options: dict[str, Option]


@dataclass(frozen=True)
class Script:
    """Variables as they are when training starts, the call, and what was odd on the way.

    `not_followed` lists assignments under conditions that only a shell can decide, as (variable, line).
    """

    settings: dict[str, Setting]
    call: Call | None
    folder: Value
    unknowns: Unknowns
    not_followed: tuple[tuple[str, int], ...]
    remarks: tuple[Note, ...]
