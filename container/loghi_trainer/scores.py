"""Character and word error rates, pooled over a split.

Source: CER = (substitutions + deletions + insertions) / characters of the reference; words are split at blanks.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein


@dataclass(frozen=True)
class ErrorCounts:
    """Edits and reference lengths in characters and words; sums of counts are counts of the joined texts."""

    lines: int = 0
    edits: int = 0
    characters: int = 0
    word_edits: int = 0
    words: int = 0

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        return ErrorCounts(
            self.lines + other.lines,
            self.edits + other.edits,
            self.characters + other.characters,
            self.word_edits + other.word_edits,
            self.words + other.words,
        )

    @property
    def cer(self) -> float:
        """A fraction; above 1 when more was inserted than there is to read."""
        return self.edits / max(self.characters, 1)

    @property
    def wer(self) -> float:
        return self.word_edits / max(self.words, 1)


def count_errors(reference: str, recognized: str) -> ErrorCounts:
    """Compare one line; both texts must have gone through the same normalisation."""
    reference_words, recognized_words = reference.split(), recognized.split()
    return ErrorCounts(
        lines=1,
        edits=Levenshtein.distance(reference, recognized),
        characters=len(reference),
        word_edits=Levenshtein.distance(reference_words, recognized_words),
        words=len(reference_words),
    )


def pool(counts: Iterable[ErrorCounts]) -> ErrorCounts:
    return sum(counts, ErrorCounts())
