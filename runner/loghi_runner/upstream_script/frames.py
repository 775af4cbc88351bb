"""Keeps track of the blocks a command stands in: if, loops, functions; and whether they are entered."""

from dataclasses import dataclass, field

OPENERS = ("if", "for", "select", "while", "until", "case", "{")
MIDDLES = ("then", "elif", "else", "do", "!", "time")
CLOSERS = ("fi", "done", "esac", "}")

_CLOSER_OF = {"if": "fi", "case": "esac", "{": "}", "(": ")"}


@dataclass
class Frame:
    """One open block; `entered` is None where only a shell can tell, `outer` is the same of what it stands in."""

    closer: str
    outer: bool | None
    entered: bool | None
    earlier: bool | None = False
    in_condition: bool = False
    conditions: list[bool | None] = field(default_factory=list)


class Frames:
    """The stack of open blocks."""

    def __init__(self) -> None:
        self._open: list[Frame] = []

    def running(self) -> bool | None:
        """Return whether a command here is executed: surely, surely not, or None."""
        return _both(self._open[-1].outer, self._open[-1].entered) if self._open else True

    def in_condition(self) -> bool:
        return bool(self._open) and self._open[-1].in_condition

    def condition(self, holds: bool | None) -> None:
        """Take note of a command between `if` and `then`."""
        self._open[-1].conditions.append(holds)

    def open(self, word: str, *, surely: bool) -> None:
        entered = True if word == "if" or (word == "{" and surely) else None
        frame = Frame(_CLOSER_OF.get(word, "done"), self.running(), entered, in_condition=word == "if")
        self._open.append(frame)

    def middle(self, word: str) -> None:
        """Handle `then`, `elif` and `else`; the rest changes nothing."""
        frame = self._open[-1] if self._open else None
        if frame is None or frame.closer != "fi" or word not in ("then", "elif", "else"):
            return
        if word == "then":
            holds = frame.conditions[0] if len(frame.conditions) == 1 else None
            frame.in_condition = False
            frame.entered = _both(holds, _not(frame.earlier))
            frame.earlier = _not(_both(_not(frame.earlier), _not(holds)))
            return
        frame.conditions = []
        frame.in_condition = word == "elif"
        frame.entered = True if word == "elif" else _not(frame.earlier)

    def close(self, word: str) -> None:
        if self._open and self._open[-1].closer == word:
            self._open.pop()


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _both(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True
