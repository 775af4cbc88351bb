"""Is the new model better, on lines that chose nothing? And did it forget what the base model knew? A sentence each."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from loghi_contract.counts import ErrorCounts, pool
from loghi_runner.evaluation.intervals import Interval, gain_interval, reach, scope
from loghi_runner.wording import percent, plural

_ADVICE = (
    "For pages of the old hand keep the base model. To forget less, have lines of the old hand mixed in "
    "(data.old_hand), or more of them."
)
#: Errors that are so many times as many are called doubled.
_ABOUT_TWICE = (1.85, 2.15)


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

    `short` is a part of the verdict's second sentence, `sentence` stands alone; `advice` is there when it forgot.
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
    names: tuple[str, str] | None = None,
) -> Judgement:
    """Compare two readings of the same lines: of two models that have names, or of a base model and what became of it.

    Args:
        what: the lines in words, such as `test lines`.
    """
    old, new = pool(before), pool(after)
    first, second = names or ("", "")
    of_old, of_new = (f"({first})", f"({second})") if names else ("before", "after")
    scores = f"CER on {old.lines} {what} {percent(old.cer)} {of_old}, {percent(new.cer)} {of_new}"
    gain = gain_interval(before, after, pages)
    if gain is None or gain.low <= 0 <= gain.high:
        found = f"neither {first} nor {second} is shown to be better" if names else "not shown to be better"
        return Judgement(Outcome.NOT_SHOWN, f"{found}, it may be chance: {scores}", gain)
    certain = f"with 95 % certainty {reach(gain.unit, len(set(pages)))}"
    if gain.low > 0:
        found, span = f"{second} is better" if names else "better", f"{_points(gain.low, gain.high)} less"
        return Judgement(Outcome.BETTER, f"{found}: {scores} ({span}, {certain})", gain)
    found, span = f"{first} is better" if names else "worse", f"{_points(-gain.high, -gain.low)} more"
    return Judgement(Outcome.WORSE, f"{found}: {scores} ({span}, {certain})", gain)


def judge_forgetting(before: Sequence[ErrorCounts], after: Sequence[ErrorCounts], pages: Sequence[str]) -> Forgetting:
    """Judge two readings of the same lines of the old hand, drawn together; at least one line."""
    old, new = pool(before), pool(after)
    loss = gain_interval(after, before, pages)
    scores = f"{percent(old.cer)} before, {percent(new.cer)} after"
    on = f"on {plural(old.lines, 'line')} of the old hand"
    outcome, short = Outcome.NOT_SHOWN, f"{on} {scores}"
    sentence = f"Nothing is shown to be forgotten: CER {on} {scores}."
    if loss is not None and loss.low > 0:
        outcome, scores = Outcome.WORSE, f"{scores}{_grown(old.cer, new.cer)}"
        short = f"{on} it forgot some: {scores}"
        span = f"{_points(loss.low, loss.high)} more, with 95 % certainty for {scope(loss.unit, len(set(pages)))}"
        sentence = f"The new model forgot some of the old hand: CER {on} {scores} ({span})."
    elif loss is not None and loss.high < 0:
        outcome, sentence = Outcome.BETTER, f"The old hand is read better, too: CER {on} {scores}."
    advice = _ADVICE if outcome is Outcome.WORSE else None
    return Forgetting(old.lines, old.cer, new.cer, loss, outcome, short, sentence, advice)


def _grown(before: float, after: float) -> str:
    """How many more errors there are now, as people say it."""
    if before == 0:
        return ""
    times = after / before
    if times < _ABOUT_TWICE[0]:
        return f", {100 * (times - 1):.0f} % more errors"
    return ", errors doubled" if times < _ABOUT_TWICE[1] else f", {times:.1f} times as many errors"


def _points(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f} points"
