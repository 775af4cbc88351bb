"""A run's facts into what its report says; the same for people (HTML) and programs (JSON)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from rapidfuzz.distance import Levenshtein

from loghi_contract.counts import ErrorCounts, pool
from loghi_runner.report.read import RunFacts
from loghi_runner.scoring.alignment import Piece, align
from loghi_runner.scoring.comparison import Comparison, ReadLine, compare
from loghi_runner.scoring.counts import LOGHI_COLUMNS, count

#: Lines shown with their image.
_WORST = 12
NAMES = ("base model", "new model")


@dataclass(frozen=True)
class NewCharacter:
    """How often a character that the base model could not write stands in the test lines, and is read right."""

    character: str
    written: int
    right: int


@dataclass(frozen=True)
class PageScore:
    page: str
    before: ErrorCounts
    after: ErrorCounts


@dataclass(frozen=True)
class ShownLine:
    """A line with both readings cut into pieces, against the transcription."""

    id: str
    page: str
    reference: str
    before: tuple[Piece, ...]
    after: tuple[Piece, ...]


@dataclass(frozen=True)
class Report:
    """Everything the report says of the test lines; None and empty where the run had none."""

    comparison: Comparison | None
    pages: tuple[PageScore, ...]
    new_characters: tuple[NewCharacter, ...]
    worst: tuple[ShownLine, ...]
    both_wrong: tuple[ShownLine, ...]
    suspected: tuple[ShownLine, ...]
    loghi: tuple[dict[str, float], ...]


def build_report(facts: RunFacts) -> Report:
    if not facts.test:
        return Report(None, (), (), (), (), (), ())
    comparison = compare(facts.test, NAMES, "test lines")
    worst = sorted(facts.test, key=lambda line: -count(line.reference, line.readings[1]).cer)
    wrong = [line for line in worst if line.readings[1] != line.reference][:_WORST]
    added = facts.progress.charset.added if facts.progress.charset else ()
    return Report(
        comparison=comparison,
        pages=tuple(_pages(facts.test)),
        new_characters=tuple(_new_characters(facts.test, added)),
        worst=tuple(map(_shown, wrong)),
        both_wrong=tuple(map(_shown, comparison.both_wrong)),
        suspected=tuple(map(_shown, comparison.suspected)),
        loghi=tuple(
            {column: model.counts[variant].cer for variant, column in LOGHI_COLUMNS.items()}
            for model in comparison.models
        ),
    )


def page_name(page: str) -> str:
    """A page's own name; cut from pages, its folder has a hash behind the name."""
    name = PurePosixPath(page).name
    stem, dash, digest = name.rpartition("-")
    is_hash = len(digest) == 12 and all(character in "0123456789abcdef" for character in digest)
    return stem if dash and is_hash else name


def _pages(lines: Sequence[ReadLine]) -> Iterable[PageScore]:
    by_page: dict[str, list[ReadLine]] = {}
    for line in lines:
        by_page.setdefault(line.page, []).append(line)
    for page, found in sorted(by_page.items()):
        before, after = (pool(count(line.reference, line.readings[model]) for line in found) for model in range(2))
        yield PageScore(page_name(page), before, after)


def _new_characters(lines: Sequence[ReadLine], added: Sequence[str]) -> Iterable[NewCharacter]:
    written: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for line in lines:
        written.update(character for character in line.reference if character in added)
        for operation in Levenshtein.editops(line.reference, line.readings[1]):
            if operation.tag != "insert" and line.reference[operation.src_pos] in added:
                missed[line.reference[operation.src_pos]] += 1
    for character in added:
        yield NewCharacter(character, written[character], written[character] - missed[character])


def _shown(line: ReadLine) -> ShownLine:
    before, after = (align(line.reference, reading) for reading in line.readings)
    return ShownLine(line.id, page_name(line.page), line.reference, before, after)
