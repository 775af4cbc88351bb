"""One sentence: is the new model better, on lines that chose nothing?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from loghi_contract.counts import ErrorCounts, pool
from loghi_runner.evaluation.intervals import Interval, gain_interval, scope
from loghi_runner.wording import percent


class Outcome(str, Enum):
    BETTER = "better"
    NOT_SHOWN = "not_shown"
    WORSE = "worse"


@dataclass(frozen=True)
class Judgement:
    """`gain` is the interval around CER before less CER after, in fractions."""

    outcome: Outcome
    sentence: str
    gain: Interval | None


def judge(
    before: Sequence[ErrorCounts],
    after: Sequence[ErrorCounts],
    pages: Sequence[str],
    what: str,
    names: tuple[str, str] = ("before", "after"),
    keep: str = "the base model",
) -> Judgement:
    """Compare two readings of the same lines.

    Args:
        what: the lines in words, such as `test lines`.
        names: what to call the two readings.
        keep: what to keep when the second is worse.
    """
    old, new = pool(before), pool(after)
    scores = f"CER on {old.lines} {what}: {percent(old.cer)} {names[0]}, {percent(new.cer)} {names[1]}"
    gain = gain_interval(before, after, pages)
    certainty = "" if gain is None else f"with 95 % certainty for {scope(gain.unit, len(set(pages)))}"
    if gain is not None and gain.low > 0:
        span = f"{_points(gain.low)} to {_points(gain.high)} points less, {certainty}"
        return Judgement(Outcome.BETTER, f"better. {scores} ({span})", gain)
    if gain is not None and gain.high < 0:
        span = f"{_points(-gain.high)} to {_points(-gain.low)} points more, {certainty}"
        return Judgement(Outcome.WORSE, f"worse: keep {keep}. {scores} ({span})", gain)
    return Judgement(Outcome.NOT_SHOWN, f"not shown to be better, it may be chance. {scores}", gain)


def _points(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
