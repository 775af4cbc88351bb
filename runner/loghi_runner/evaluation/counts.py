"""Errors of one reading of one line, in Loghi's three variants."""

import re
from enum import Enum

from rapidfuzz.distance import Levenshtein

from loghi_contract.counts import ErrorCounts

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


def as_variant(text: str, variant: Variant) -> str:
    """The text as the variant compares it. Characters are code points, after the run's own normalisation."""
    text = text.strip().translate(_MARKS)
    if variant is Variant.DIPLOMATIC:
        return text
    lowered = text.lower()
    return lowered if variant is Variant.CASELESS else _NO_LETTERS.sub("", lowered)


def count(reference: str, reading: str, variant: Variant = Variant.DIPLOMATIC) -> ErrorCounts:
    """Compare a reading with its reference.

    Words are split at blanks before the variant is applied: `letters` takes the blanks out, and a line is not one word.
    A word that has no letter, such as a dash, is no word there; two words run together are an error of words only.
    """
    reference_words, reading_words = _words(reference, variant), _words(reading, variant)
    reference, reading = as_variant(reference, variant), as_variant(reading, variant)
    return ErrorCounts(
        lines=1,
        edits=Levenshtein.distance(reference, reading),
        characters=len(reference),
        word_edits=Levenshtein.distance(reference_words, reading_words),
        words=len(reference_words),
        wrong=int(reference != reading),
    )


def _words(text: str, variant: Variant) -> list[str]:
    return [word for word in (as_variant(word, variant) for word in text.split()) if word]
