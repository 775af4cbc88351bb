"""Errors of readings: how many, in Loghi's three variants, where, what for what, and where the transcription errs.

What two models confuse often they confuse together, and that says nothing. So a slip of the transcription is a
confusion that is rare among all of theirs, in a line that both read well, with everything around it read right.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from rapidfuzz.distance import Levenshtein

from loghi_contract.counts import ErrorCounts

#: Loghi leaves its style marks out of its final scores, in every variant. Source: Loghi HTR 2.x, final statistics.
_MARKS = str.maketrans("", "", "␃␅␄␆")
_NO_LETTERS = re.compile(r"[^a-zA-Z0-9]")

#: A confusion met at no more places than this is rare.
_RARE = 4
#: A line is read well when at most this share of its characters is not.
_NEAR = 0.2
#: So many characters on both sides of a slip are read right by both models.
_AROUND = 3

#: Place in the reference, character there and character read; "" is nothing.
Spot = tuple[int, str, str]


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


class Kind(str, Enum):
    EQUAL = "equal"
    WRONG = "wrong"
    MISSING = "missing"
    EXTRA = "extra"


@dataclass(frozen=True)
class Piece:
    """A stretch of the reference and what was read for it; one of them is empty where something is missing or extra."""

    kind: Kind
    reference: str
    reading: str


_KINDS = {"equal": Kind.EQUAL, "replace": Kind.WRONG, "delete": Kind.MISSING, "insert": Kind.EXTRA}


def align(reference: str, reading: str) -> tuple[Piece, ...]:
    """The pieces in order; joined they give both texts, and their edits are the edit distance."""
    return tuple(
        Piece(_KINDS[block.tag], reference[block.src_start : block.src_end], reading[block.dest_start : block.dest_end])
        for block in Levenshtein.opcodes(reference, reading)
    )


def edits(reference: str, reading: str) -> list[Spot]:
    """Each single character that makes the reading another text."""
    return [
        (
            edit.src_pos,
            "" if edit.tag == "insert" else reference[edit.src_pos],
            "" if edit.tag == "delete" else reading[edit.dest_pos],
        )
        for edit in Levenshtein.editops(reference, reading)
    ]


@dataclass(frozen=True)
class Confusion:
    """`read` for `written` so many times; "" is nothing. `examples` are line ids."""

    written: str
    read: str
    count: int
    examples: tuple[str, ...]


def confusions(lines: Iterable[tuple[str, str, str]], most: int | None = None) -> list[Confusion]:
    """The most frequent confusions of single characters.

    Args:
        lines: id, reference and reading of each.
        most: so many of them; None gives all.
    """
    times: Counter[tuple[str, str]] = Counter()
    where: dict[tuple[str, str], list[str]] = {}
    for line_id, reference, reading in lines:
        for _place, written, read in edits(reference, reading):
            times[written, read] += 1
            examples = where.setdefault((written, read), [])
            if len(examples) < 3 and line_id not in examples:
                examples.append(line_id)
    return [Confusion(*pair, count, tuple(where[pair])) for pair, count in times.most_common(most)]


def suspected_slips(lines: Sequence[tuple[str, str, str]]) -> list[int]:
    """The places of the lines whose transcription both models contradict alike; the likeliest slips first.

    Args:
        lines: reference and two readings of each.
    """
    spots = [(set(edits(reference, first)), set(edits(reference, second))) for reference, first, second in lines]
    met = Counter(spot[1:] for first_spots, second_spots in spots for spot in first_spots | second_spots)
    found = []
    for place, (first_spots, second_spots) in enumerate(spots):
        if not all(_is_near(lines[place][0], reading) for reading in lines[place][1:]):
            continue
        everywhere = first_spots | second_spots
        shared = [spot for spot in first_spots & second_spots if _is_alone(spot, everywhere)]
        rarest = min((met[spot[1:]] for spot in shared), default=_RARE + 1)
        if rarest <= _RARE or first_spots == second_spots != set():
            found.append((rarest, len(everywhere), place))
    return [place for _, _, place in sorted(found)]


def _is_near(reference: str, reading: str) -> bool:
    return bool(reference) and Levenshtein.normalized_distance(reference, reading) <= _NEAR


def _is_alone(spot: Spot, spots: set[Spot]) -> bool:
    return all(other == spot or abs(other[0] - spot[0]) > _AROUND for other in spots)
