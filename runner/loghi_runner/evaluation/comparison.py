"""Two readings of the same lines side by side: scores, what each gets wrong, what both do."""

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from loghi_contract.counts import ErrorCounts, pool
from loghi_runner.evaluation.alignment import Confusion, confusions
from loghi_runner.evaluation.counts import Variant, as_variant, count
from loghi_runner.evaluation.intervals import ScoreIntervals, score_intervals
from loghi_runner.evaluation.judge import Judgement, judge
from loghi_runner.evaluation.slips import suspected_slips

_MOST_CONFUSIONS = 12
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
    """`both_wrong` are the worst of them, `suspected` the likeliest slips of the transcription."""

    lines: int
    pages: int
    models: tuple[ModelScores, ...]
    judgement: Judgement
    only_first_right: int
    only_second_right: int
    both_right: int
    both_wrong: tuple[ReadLine, ...]
    both_wrong_count: int
    suspected: tuple[ReadLine, ...]
    suspected_count: int


def compare(lines: Sequence[ReadLine], names: tuple[str, str], what: str = "lines") -> Comparison:
    """Compare two models' readings; the first is the older one, or the base model.

    Raises:
        ValueError: there are no lines.
    """
    if not lines:
        raise ValueError("no lines to compare")
    # as they are scored: what counts as no error must not be shown or ranked as one
    lines = [as_scored(line) for line in lines]
    pages = [line.page for line in lines]
    counted = [[count(line.reference, line.readings[number]) for line in lines] for number in range(2)]
    right = [(not old.wrong, not new.wrong) for old, new in zip(*counted, strict=True)]
    wrong = [line for line, correct in zip(lines, right, strict=True) if correct == (False, False)]
    slips = suspected_slips([(line.reference, line.readings[0], line.readings[1]) for line in lines])
    return Comparison(
        lines=len(lines),
        pages=len(set(pages)),
        models=tuple(score_model(name, lines, number) for number, name in enumerate(names)),
        judgement=judge(counted[0], counted[1], pages, what, names=(f"({names[0]})", f"({names[1]})"), keep=names[0]),
        only_first_right=right.count((True, False)),
        only_second_right=right.count((False, True)),
        both_right=right.count((True, True)),
        both_wrong=tuple(sorted(wrong, key=lambda line: -_distance(line))[:_MOST_LINES]),
        both_wrong_count=len(wrong),
        suspected=tuple(lines[place] for place in slips[:_MOST_LINES]),
        suspected_count=len(slips),
    )


def as_scored(line: ReadLine) -> ReadLine:
    """The line as it is compared: style marks and blanks at the ends are no errors."""
    readings = tuple(as_variant(reading, Variant.DIPLOMATIC) for reading in line.readings)
    return ReadLine(line.id, line.page, as_variant(line.reference, Variant.DIPLOMATIC), readings)


def score_model(name: str, lines: Sequence[ReadLine], number: int = 0) -> ModelScores:
    """The scores of one reading of each line, the `number`-th."""
    pages = [line.page for line in lines]
    read = [(line.id, line.reference, line.readings[number]) for line in lines]
    counted = {variant: [count(text, reading, variant) for _, text, reading in read] for variant in Variant}
    return ModelScores(
        name,
        {variant: pool(counts) for variant, counts in counted.items()},
        {variant: score_intervals(counts, pages) for variant, counts in counted.items()},
        tuple(confusions(read, _MOST_CONFUSIONS)),
    )


def _distance(line: ReadLine) -> float:
    return sum(Levenshtein.normalized_distance(line.reference, reading) for reading in line.readings)
