"""Where two texts differ, piece by piece, and what is read for what."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from rapidfuzz.distance import Levenshtein


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
