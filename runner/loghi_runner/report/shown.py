"""Which lines a report shows, and why: the worst, perhaps slips, those misread by both, examples of confusions."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from loghi_runner.evaluation.counts import Piece, align
from loghi_runner.evaluation.results import NewCharacter, ReadLine, Results, SharedConfusion
from loghi_runner.line_pages import page_name
from loghi_runner.report.words import is_right_to_left

#: Lines shown because the last model errs most in them, and lines that a row of confusions names.
_WORST = 12
_EXAMPLES = 2
#: Lines shown where two readings differ and nobody knows the truth.
_DIFFERING = 20


@dataclass(frozen=True)
class ShownLine:
    """A line and each reading of it, cut into pieces against the transcription."""

    id: str
    page: str
    reference: str
    readings: tuple[tuple[Piece, ...], ...]

    @property
    def direction(self) -> str:
        text = self.reference or "".join(piece.reading for piece in self.readings[0])
        return "rtl" if is_right_to_left(text) else "ltr"


@dataclass(frozen=True)
class LineGroup:
    """Lines shown for one reason; those that an earlier group shows already are only named."""

    lines: tuple[ShownLine, ...]
    shown_before: tuple[ShownLine, ...] = ()


@dataclass(frozen=True)
class ShownErrors:
    """What a report shows of results besides the scores; each of its confusions names lines that are shown."""

    confusions: tuple[SharedConfusion, ...]
    new_characters: tuple[NewCharacter, ...]
    worst: LineGroup
    suspected: LineGroup
    both_wrong: LineGroup
    examples: LineGroup

    @property
    def lines(self) -> tuple[ShownLine, ...]:
        groups = (self.worst, self.suspected, self.both_wrong, self.examples)
        return tuple(line for group in groups for line in group.lines)


def choose_errors(results: Results, added: Collection[str] = ()) -> ShownErrors:
    """Choose what is shown.

    Args:
        added: characters that the base model could not write.
    """
    confused = tuple(replace(row, examples=row.examples[:_EXAMPLES]) for row in results.confusions)
    by_id = {line.id: line for line in results.lines}
    comparison = results.comparison
    groups = _groups(
        results.worst()[:_WORST],
        comparison.suspected if comparison else (),
        comparison.both_wrong if comparison else (),
        [by_id[example] for row in confused for example in row.examples],
    )
    return ShownErrors(confused, results.new_characters(added), *groups)


def choose_differing(difference: Results) -> LineGroup:
    """The lines whose two readings differ most."""
    lines = difference.worst(lambda counts: counts.edits)[:_DIFFERING]
    return LineGroup(tuple(map(_shown, lines)))


def _groups(*groups: Iterable[ReadLine]) -> list[LineGroup]:
    seen: set[str] = set()
    found = []
    for group in groups:
        unique = list({line.id: line for line in group}.values())
        found.append(
            LineGroup(
                tuple(_shown(line) for line in unique if line.id not in seen),
                tuple(_shown(line) for line in unique if line.id in seen),
            )
        )
        seen.update(line.id for line in unique)
    return found


def _shown(line: ReadLine) -> ShownLine:
    readings = tuple(align(line.reference, reading) for reading in line.readings)
    return ShownLine(line.id, page_name(line.page), line.reference, readings)
