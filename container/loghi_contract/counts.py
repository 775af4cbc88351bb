"""Errors counted against a reference, in characters, words and lines.

Source: CER = (substitutions + deletions + insertions) / characters of the reference; words are split at blanks.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorCounts:
    """Edits and reference lengths; sums of counts are counts of all lines together. `wrong` lines have an error."""

    lines: int = 0
    edits: int = 0
    characters: int = 0
    word_edits: int = 0
    words: int = 0
    wrong: int = 0

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        return ErrorCounts(
            self.lines + other.lines,
            self.edits + other.edits,
            self.characters + other.characters,
            self.word_edits + other.word_edits,
            self.words + other.words,
            self.wrong + other.wrong,
        )

    @property
    def cer(self) -> float:
        """A fraction; above 1 where more was inserted than there is to read."""
        return self.edits / max(self.characters, 1)

    @property
    def wer(self) -> float:
        return self.word_edits / max(self.words, 1)

    @property
    def line_accuracy(self) -> float:
        """The share of lines without any error."""
        return 1 - self.wrong / max(self.lines, 1)


def pool(counts: Iterable[ErrorCounts]) -> ErrorCounts:
    """All lines together: sum of edits by sum of reference characters, as Loghi pools."""
    return sum(counts, ErrorCounts())
