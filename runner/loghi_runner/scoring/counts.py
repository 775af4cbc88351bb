"""Errors of one reading of one line, in Loghi's three variants."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from rapidfuzz.distance import Levenshtein

#: Loghi leaves its style marks out of its final scores, in every variant. Source: Loghi HTR 2.x, final statistics.
_MARKS = str.maketrans("", "", "␃␅␄␆")
_NO_LETTERS = re.compile(r"[^a-zA-Z0-9]")


class Variant(str, Enum):
    """What counts as an error: everything, all but upper and lower case, or only letters a to z and digits."""

    DIPLOMATIC = "diplomatic"
    CASELESS = "caseless"
    LETTERS = "letters"


#: Loghi's names of the columns in its validation.csv.
LOGHI_COLUMNS = {Variant.DIPLOMATIC: "cer", Variant.CASELESS: "cer_lower", Variant.LETTERS: "cer_simple"}


@dataclass(frozen=True)
class Counts:
    """Edits and reference lengths; sums of counts are counts of all lines together. `wrong` lines have an error."""

    lines: int = 0
    edits: int = 0
    characters: int = 0
    word_edits: int = 0
    words: int = 0
    wrong: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
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


def as_variant(text: str, variant: Variant) -> str:
    """The text as the variant compares it. Characters are code points, after the run's own normalisation."""
    text = text.translate(_MARKS).strip()
    if variant is Variant.DIPLOMATIC:
        return text
    lowered = text.lower()
    return lowered if variant is Variant.CASELESS else _NO_LETTERS.sub("", lowered)


def count(reference: str, reading: str, variant: Variant = Variant.DIPLOMATIC) -> Counts:
    """Compare a reading with its reference. Words are split at blanks, so `letters` has one word a line."""
    reference, reading = as_variant(reference, variant), as_variant(reading, variant)
    reference_words, reading_words = reference.split(), reading.split()
    return Counts(
        lines=1,
        edits=Levenshtein.distance(reference, reading),
        characters=len(reference),
        word_edits=Levenshtein.distance(reference_words, reading_words),
        words=len(reference_words),
        wrong=int(reference != reading),
    )


def pool(counts: Iterable[Counts]) -> Counts:
    """All lines together: sum of edits by sum of reference characters, as Loghi pools."""
    return sum(counts, Counts())
