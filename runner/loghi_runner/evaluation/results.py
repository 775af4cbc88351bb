"""The one model of results: lines, what one model or two read in them, and what follows from the errors.

`evaluate`, `compare`, a run's verdict, the learning curve and every report ask it. Errors of a line are counted once,
and what is slow, such as an interval, is worked out when somebody asks for it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from rapidfuzz.distance import Levenshtein

from loghi_contract.counts import ErrorCounts, pool
from loghi_runner.evaluation.counts import (
    LOGHI_COLUMNS,
    Confusion,
    Variant,
    as_variant,
    confusions,
    count,
    edits,
    suspected_slips,
)
from loghi_runner.evaluation.intervals import ScoreIntervals, score_intervals
from loghi_runner.evaluation.judgement import Forgetting, Judgement, judge, judge_forgetting
from loghi_runner.line_pages import page_name

_MOST_CONFUSIONS = 12
_MOST_SHARED_CONFUSIONS = 15
_MOST_LINES = 10


@dataclass(frozen=True)
class ReadLine:
    """A line with its reference and one reading of each model; its id is no other line's."""

    id: str
    page: str
    reference: str
    readings: tuple[str, ...]


@dataclass(frozen=True)
class ModelScores:
    """Pooled scores of one model; fractions. None are the intervals of fewer than two lines."""

    name: str
    counts: dict[Variant, ErrorCounts]
    intervals: dict[Variant, ScoreIntervals | None]
    confusions: tuple[Confusion, ...]


@dataclass(frozen=True)
class Comparison:
    """Two models side by side. `both_wrong` has the worst lines, `suspected` likely slips of the transcription."""

    judgement: Judgement
    only_first_right: int
    only_second_right: int
    both_right: int
    both_wrong: tuple[ReadLine, ...]
    both_wrong_count: int
    suspected: tuple[ReadLine, ...]
    suspected_count: int


@dataclass(frozen=True)
class PageScore:
    """One count for each model."""

    page: str
    counts: tuple[ErrorCounts, ...]


@dataclass(frozen=True)
class SharedConfusion:
    """`read` for `written`, so many times by each model; "" is nothing. `examples` are line ids."""

    written: str
    read: str
    times: tuple[int, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True)
class NewCharacter:
    """How often a character that the base model could not write stands in the lines, and the last model reads it."""

    character: str
    written: int
    right: int


@dataclass(frozen=True)
class Results:
    """Lines, and one reading of each by every model; the base model, or the older one, is the first.

    `what` names the lines in words, such as `test lines`.

    Raises:
        ValueError: there are no lines.
    """

    read_lines: tuple[ReadLine, ...]
    names: tuple[str, ...]
    what: str = "lines"
    _counts: dict[Variant, tuple[tuple[ErrorCounts, ...], ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not self.read_lines:
            raise ValueError("no lines to score")

    @cached_property
    def lines(self) -> tuple[ReadLine, ...]:
        """The lines as they are compared: what counts as no error must not be shown or ranked as one."""
        return tuple(
            ReadLine(line.id, line.page, _compared(line.reference), tuple(map(_compared, line.readings)))
            for line in self.read_lines
        )

    @cached_property
    def line_pages(self) -> tuple[str, ...]:
        """The page of each line."""
        return tuple(line.page for line in self.read_lines)

    @property
    def pages(self) -> int:
        return len(set(self.line_pages))

    def counts(self, variant: Variant = Variant.DIPLOMATIC) -> tuple[tuple[ErrorCounts, ...], ...]:
        """The errors of each model in each line."""
        if variant not in self._counts:
            self._counts[variant] = tuple(
                tuple(count(line.reference, line.readings[number], variant) for line in self.read_lines)
                for number in range(len(self.names))
            )
        return self._counts[variant]

    @cached_property
    def models(self) -> tuple[ModelScores, ...]:
        return tuple(
            ModelScores(
                name,
                {variant: pool(self.counts(variant)[number]) for variant in Variant},
                {variant: score_intervals(self.counts(variant)[number], self.line_pages) for variant in Variant},
                tuple(confusions(self._read_by(number), _MOST_CONFUSIONS)),
            )
            for number, name in enumerate(self.names)
        )

    @property
    def loghi(self) -> tuple[dict[str, float], ...]:
        """What Loghi's own files say of each model, by column."""
        return tuple(
            {column: pool(self.counts(variant)[number]).cer for variant, column in LOGHI_COLUMNS.items()}
            for number in range(len(self.names))
        )

    def judge(self, names: tuple[str, str] | None = None) -> Judgement:
        """Whether the second of two models is better. Arguments as for `judge` of counts."""
        old, new = self.counts()
        return judge(old, new, self.line_pages, self.what, names)

    def judge_forgetting(self) -> Forgetting:
        """Whether the second of two models forgot what the first knew, of lines of the old hand."""
        old, new = self.counts()
        return judge_forgetting(old, new, self.line_pages)

    @cached_property
    def comparison(self) -> Comparison | None:
        """None of one model."""
        if len(self.names) != 2:
            return None
        right = [tuple(not each.wrong for each in both) for both in zip(*self.counts(), strict=True)]
        wrong = [line for line, correct in zip(self.lines, right, strict=True) if not any(correct)]
        slips = suspected_slips([(line.reference, line.readings[0], line.readings[1]) for line in self.lines])
        return Comparison(
            judgement=self.judge((self.names[0], self.names[1])),
            only_first_right=right.count((True, False)),
            only_second_right=right.count((False, True)),
            both_right=right.count((True, True)),
            both_wrong=tuple(sorted(wrong, key=lambda line: -_distance(line))[:_MOST_LINES]),
            both_wrong_count=len(wrong),
            suspected=tuple(self.lines[place] for place in slips[:_MOST_LINES]),
            suspected_count=len(slips),
        )

    def worst(self, errors: Callable[[ErrorCounts], float] = lambda counts: counts.cer) -> list[ReadLine]:
        """The lines in which the last model errs, the most errors first."""
        wrong = [(errors(counts), line) for counts, line in zip(self.counts()[-1], self.lines, strict=True)]
        return [line for amount, line in sorted(wrong, key=lambda pair: -pair[0]) if amount]

    @cached_property
    def page_scores(self) -> tuple[PageScore, ...]:
        """The page with the most errors of the last model first."""
        by_page: dict[str, list[tuple[ErrorCounts, ...]]] = {}
        for page, counts in zip(self.line_pages, zip(*self.counts(), strict=True), strict=True):
            by_page.setdefault(page, []).append(counts)
        scores = [
            PageScore(page_name(page), tuple(map(pool, zip(*found, strict=True))))
            for page, found in sorted(by_page.items())
        ]
        return tuple(sorted(scores, key=lambda score: -score.counts[-1].cer))

    @cached_property
    def confusions(self) -> tuple[SharedConfusion, ...]:
        """The most frequent of all models together; examples are of the last model, where it has any."""
        found = [
            {(each.written, each.read): each for each in confusions(self._read_by(number))}
            for number in range(len(self.names))
        ]
        pairs = Counter({pair: sum(by[pair].count for by in found if pair in by) for each in found for pair in each})
        rows = []
        for pair, _ in pairs.most_common(_MOST_SHARED_CONFUSIONS):
            times = tuple(each[pair].count if pair in each else 0 for each in found)
            last = next(each[pair] for each in reversed(found) if pair in each)
            rows.append(SharedConfusion(*pair, times, last.examples))
        return tuple(rows)

    def new_characters(self, added: Collection[str]) -> tuple[NewCharacter, ...]:
        """How the last model reads characters that the base model could not write; the most frequent first."""
        written: Counter[str] = Counter()
        missed: Counter[str] = Counter()
        for line in self.lines:
            written.update(character for character in line.reference if character in added)
            missed.update(character for _place, character, _read in edits(line.reference, line.readings[-1]))
        return tuple(
            NewCharacter(character, written[character], written[character] - missed[character])
            for character in sorted(added, key=lambda character: (-written[character], character))
        )

    def _read_by(self, number: int) -> Iterator[tuple[str, str, str]]:
        return ((line.id, line.reference, line.readings[number]) for line in self.lines)


def difference(lines: Sequence[ReadLine], names: tuple[str, str]) -> Results:
    """The second reading of each line against the first, where nobody knows the truth: the first is the reference."""
    against = (ReadLine(line.id, line.page, line.readings[0], line.readings[1:]) for line in lines)
    return Results(tuple(against), names[1:])


def _compared(text: str) -> str:
    return as_variant(text, Variant.DIPLOMATIC)


def _distance(line: ReadLine) -> float:
    return sum(Levenshtein.normalized_distance(line.reference, reading) for reading in line.readings)
