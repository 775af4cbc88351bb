"""Did the new model forget the hands that the base model knew?"""

from collections.abc import Sequence
from dataclasses import dataclass

from loghi_contract.counts import ErrorCounts, pool
from loghi_runner.evaluation.intervals import Interval, gain_interval, scope
from loghi_runner.evaluation.judge import Outcome
from loghi_runner.wording import percent, plural

_ADVICE = (
    "For pages of the old hand keep the base model. To forget less, add some lines of the old hand to data.train, "
    "or halve training.learning_rate."
)


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


def judge_forgetting(before: Sequence[ErrorCounts], after: Sequence[ErrorCounts], pages: Sequence[str]) -> Forgetting:
    """Judge two readings of the same lines of the old hand, drawn together; at least one line."""
    old, new = pool(before), pool(after)
    loss = gain_interval(after, before, pages)
    scores = f"{percent(old.cer)} before, {percent(new.cer)} after"
    on = f"on {plural(old.lines, 'line')} of the old hand"
    outcome, short, sentence = Outcome.NOT_SHOWN, "", f"Nothing is shown to be forgotten: CER {on} {scores}."
    if loss is not None and loss.low > 0:
        span = f"{100 * loss.low:.1f} to {100 * loss.high:.1f} points more, with 95 % certainty"
        outcome, short = Outcome.WORSE, f", so it forgot some ({span})"
        reach = scope(loss.unit, len(set(pages)))
        sentence = f"The new model forgot some of the old hand: CER {on} {scores} ({span} for {reach})."
    elif loss is not None and loss.high < 0:
        outcome, sentence = Outcome.BETTER, f"The old hand is read better, too: CER {on} {scores}."
    advice = _ADVICE if outcome is Outcome.WORSE else None
    return Forgetting(old.lines, old.cer, new.cer, loss, outcome, f"; {on}: {scores}{short}", sentence, advice)
