"""One sentence: is the new model better, on lines that chose nothing? And did it forget what the base model knew?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from loghi_contract.counts import ErrorCounts, pool
from loghi_runner.evaluation.intervals import Interval, gain_interval, scope
from loghi_runner.wording import percent, plural

_ADVICE = (
    "For pages of the old hand keep the base model. To forget less, add some lines of the old hand to data.train, "
    "or halve training.learning_rate."
)


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


@dataclass(frozen=True)
class Forgetting:
    """CER on lines of the base model's own domain, before and after; `loss` is the interval around what was lost.

    `short` goes behind the verdict, `sentence` stands alone; `advice` is there when the model forgot.
    """

    lines: int
    before: float
    after: float
    loss: Interval | None
    outcome: Outcome
    short: str
    sentence: str
    advice: str | None


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
        span = f"{_points(gain.low, gain.high)} less, {certainty}"
        return Judgement(Outcome.BETTER, f"better. {scores} ({span})", gain)
    if gain is not None and gain.high < 0:
        span = f"{_points(-gain.high, -gain.low)} more, {certainty}"
        return Judgement(Outcome.WORSE, f"worse: keep {keep}. {scores} ({span})", gain)
    return Judgement(Outcome.NOT_SHOWN, f"not shown to be better, it may be chance. {scores}", gain)


def judge_forgetting(before: Sequence[ErrorCounts], after: Sequence[ErrorCounts], pages: Sequence[str]) -> Forgetting:
    """Judge two readings of the same lines of the old hand, drawn together; at least one line."""
    old, new = pool(before), pool(after)
    loss = gain_interval(after, before, pages)
    scores = f"{percent(old.cer)} before, {percent(new.cer)} after"
    on = f"on {plural(old.lines, 'line')} of the old hand"
    outcome, short, sentence = Outcome.NOT_SHOWN, "", f"Nothing is shown to be forgotten: CER {on} {scores}."
    if loss is not None and loss.low > 0:
        span = f"{_points(loss.low, loss.high)} more, with 95 % certainty"
        outcome, short = Outcome.WORSE, f", so it forgot some ({span})"
        reach = scope(loss.unit, len(set(pages)))
        sentence = f"The new model forgot some of the old hand: CER {on} {scores} ({span} for {reach})."
    elif loss is not None and loss.high < 0:
        outcome, sentence = Outcome.BETTER, f"The old hand is read better, too: CER {on} {scores}."
    advice = _ADVICE if outcome is Outcome.WORSE else None
    return Forgetting(old.lines, old.cer, new.cer, loss, outcome, f"; {on}: {scores}{short}", sentence, advice)


def _points(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f} points"
