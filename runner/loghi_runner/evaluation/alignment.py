"""Where two texts differ: piece by piece, what is read for what, and where rather the transcription may be wrong.

What two models confuse often they confuse together, and that says nothing. So a slip of the transcription is a
confusion that is rare among all of theirs, in a line that both read well, with everything around it read right.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from rapidfuzz.distance import Levenshtein

#: A confusion met at no more places than this is rare.
_RARE = 4
#: A line is read well when at most this share of its characters is not.
_NEAR = 0.2
#: So many characters on both sides of a slip are read right by both models.
_AROUND = 3

#: Place in the reference, character there and character read; "" is nothing.
_Spot = tuple[int, str, str]


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
    counts: Counter[tuple[str, str]] = Counter()
    where: dict[tuple[str, str], list[str]] = {}
    for line_id, reference, reading in lines:
        for operation in Levenshtein.editops(reference, reading):
            written = "" if operation.tag == "insert" else reference[operation.src_pos]
            read = "" if operation.tag == "delete" else reading[operation.dest_pos]
            counts[written, read] += 1
            examples = where.setdefault((written, read), [])
            if len(examples) < 3 and line_id not in examples:
                examples.append(line_id)
    return [Confusion(*pair, count, tuple(where[pair])) for pair, count in counts.most_common(most)]


def suspected_slips(lines: Sequence[tuple[str, str, str]]) -> list[int]:
    """The places of the lines whose transcription both models contradict alike; the likeliest slips first.

    Args:
        lines: reference and two readings of each.
    """
    spots = [(_spots(reference, first), _spots(reference, second)) for reference, first, second in lines]
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


def _spots(reference: str, reading: str) -> set[_Spot]:
    return {
        (
            edit.src_pos,
            "" if edit.tag == "insert" else reference[edit.src_pos],
            "" if edit.tag == "delete" else reading[edit.dest_pos],
        )
        for edit in Levenshtein.editops(reference, reading)
    }


def _is_near(reference: str, reading: str) -> bool:
    return bool(reference) and Levenshtein.normalized_distance(reference, reading) <= _NEAR


def _is_alone(spot: _Spot, spots: set[_Spot]) -> bool:
    return all(other == spot or abs(other[0] - spot[0]) > _AROUND for other in spots)
