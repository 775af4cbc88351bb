"""Values of shell variables, with a trace of what cannot be known without running the script."""

from dataclasses import dataclass, field
from enum import Enum


class Reason(str, Enum):
    """Why a value cannot be known."""

    TEMPORARY = "temporary"
    COMMAND = "command"
    ARGUMENT = "argument"
    UNSET = "unset"
    CONDITION = "condition"


@dataclass(frozen=True)
class Unknown:
    """Something the script works out when it runs; `source` is how the script writes it."""

    reason: Reason
    source: str


@dataclass(frozen=True)
class Value:
    """Text in which every unknown part is one character of a private plane, see `Unknowns`.

    `assumed` names what the text rests on besides the script: `$HOME`, an argument left out.
    """

    text: str
    assumed: tuple[str, ...] = ()

    def __add__(self, other: "Value") -> "Value":
        return Value(self.text + other.text, tuple(dict.fromkeys(self.assumed + other.assumed)))


@dataclass
class Unknowns:
    """Keeps one character for each unknown part, so that it travels through joins and splits of plain text."""

    _kept: list[Unknown] = field(default_factory=list)

    def mark(self, reason: Reason, source: str) -> Value:
        """Return a value that stands for something unknown."""
        if len(self._kept) < _ROOM:
            self._kept.append(Unknown(reason, " ".join(source.split())))
        return Value(chr(_FIRST + len(self._kept) - 1))

    def first_in(self, text: str) -> Unknown | None:
        """Return the first unknown part of a text, None if all of it is known."""
        for char in text:
            if _FIRST <= ord(char) < _FIRST + len(self._kept):
                return self._kept[ord(char) - _FIRST]
        return None


# Plane 16, set aside by Unicode for private use: no path or name holds its characters, while medieval fonts do use
# the private area of plane 0. Source: Unicode 17, section 23.5.
_FIRST = 0x100000
_ROOM = 0xFFFE
