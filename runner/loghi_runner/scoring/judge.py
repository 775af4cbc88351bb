"""One sentence: is the new model better, on lines that chose nothing?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from loghi_runner.scoring.counts import Counts, pool
from loghi_runner.scoring.intervals import Interval, gain_interval
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


def judge(before: Sequence[Counts], after: Sequence[Counts], pages: Sequence[str], what: str) -> Judgement:
    """Compare two readings of the same lines.

    Args:
        what: the lines in words, such as `test lines`.
    """
    old, new = pool(before), pool(after)
    scores = f"CER on {old.lines} {what}: {percent(old.cer)} before, {percent(new.cer)} after"
    gain = gain_interval(before, after, pages)
    if gain is None:
        return Judgement(Outcome.NOT_SHOWN, f"not shown to be better: there is too little to compare; {scores}", None)
    span = f"with 95 % certainty {_points(gain.low)} to {_points(gain.high)} points less"
    if gain.low > 0:
        return Judgement(Outcome.BETTER, f"better. {scores} ({span})", gain)
    if gain.high < 0:
        worse = f"with 95 % certainty {_points(-gain.high)} to {_points(-gain.low)} points more"
        return Judgement(Outcome.WORSE, f"worse: keep the base model. {scores} ({worse})", gain)
    return Judgement(
        Outcome.NOT_SHOWN,
        f"not shown to be better: the difference may be chance. {scores}; more lines would tell",
        gain,
    )


def _points(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
