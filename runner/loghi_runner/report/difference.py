"""Two readings of lines that nobody transcribed: where they differ, without saying which is right."""

from collections.abc import Sequence
from dataclasses import dataclass

from loghi_contract.counts import ErrorCounts, pool
from loghi_runner.evaluation.alignment import align, confusions
from loghi_runner.evaluation.comparison import ReadLine, as_scored
from loghi_runner.evaluation.counts import count
from loghi_runner.line_pages import page_name
from loghi_runner.report.build import ConfusionRow, LineGroup, ShownLine

_SHOWN = 20
_CONFUSIONS = 15


@dataclass(frozen=True)
class Difference:
    """`counts` are those of the second reading against the first. In `differing` the first stands as the reference."""

    lines: int
    pages: int
    equal: int
    counts: ErrorCounts
    confusions: tuple[ConfusionRow, ...]
    differing: LineGroup

    @property
    def shown(self) -> tuple[ShownLine, ...]:
        return self.differing.lines


def find_difference(lines: Sequence[ReadLine]) -> Difference:
    """Set the second reading of each line against its first."""
    lines = [as_scored(line) for line in lines]
    counted = [count(line.readings[0], line.readings[1]) for line in lines]
    order = sorted(range(len(lines)), key=lambda number: -counted[number].edits)
    differing = [lines[number] for number in order if counted[number].edits][:_SHOWN]
    shown = [
        ShownLine(line.id, page_name(line.page), line.readings[0], (align(line.readings[0], line.readings[1]),))
        for line in differing
    ]
    found = confusions(((line.id, line.readings[0], line.readings[1]) for line in lines), _CONFUSIONS)
    return Difference(
        len(lines),
        len({line.page for line in lines}),
        sum(not each.edits for each in counted),
        pool(counted),
        tuple(ConfusionRow(each.written, each.read, (each.count,), each.examples) for each in found),
        LineGroup(tuple(shown)),
    )
