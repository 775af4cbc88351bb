"""How far a score could be otherwise: bootstrap over pages, or over lines where there are few pages.

Pages are drawn whole because errors of one page go together: the interval says what other pages of the kind would give.
Lines drawn from few pages say less: what other lines of these same pages would give.

Source: Efron and Tibshirani 1993, percentile intervals; Hesterberg 2015, widening them for few draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any  # SciPy passes arrays with an axis

import numpy as np
from numpy.typing import NDArray

from loghi_contract.counts import ErrorCounts

#: With fewer pages lines are drawn instead.
MIN_PAGES = 8

_LEVEL = 0.95
_RESAMPLES = 2000
_SEED = 1


@dataclass(frozen=True)
class Interval:
    """Where the true value lies with 95 %; fractions. `unit` is what was drawn: pages or lines."""

    low: float
    high: float
    unit: str


@dataclass(frozen=True)
class ScoreIntervals:
    """One interval around each pooled score."""

    cer: Interval
    wer: Interval
    line_accuracy: Interval


def score_intervals(counts: Sequence[ErrorCounts], pages: Sequence[str]) -> ScoreIntervals | None:
    """The intervals around the pooled scores; None for fewer than two lines."""
    cer = cer_interval(counts, pages)
    wer = _ratio_interval([c.word_edits for c in counts], [c.words for c in counts], pages)
    right = _ratio_interval([c.lines - c.wrong for c in counts], [c.lines for c in counts], pages)
    return ScoreIntervals(cer, wer, right) if cer and wer and right else None


def cer_interval(counts: Sequence[ErrorCounts], pages: Sequence[str]) -> Interval | None:
    """The interval around the pooled CER; None for fewer than two lines."""
    return _ratio_interval([c.edits for c in counts], [c.characters for c in counts], pages)


def gain_interval(before: Sequence[ErrorCounts], after: Sequence[ErrorCounts], pages: Sequence[str]) -> Interval | None:
    """The interval around CER before less CER after, of the same lines: both models are drawn together."""

    def gain(old: Any, new: Any, characters: Any, axis: int = -1) -> Any:
        return (old.sum(axis) - new.sum(axis)) / np.maximum(characters.sum(axis), 1)

    columns = [[c.edits for c in before], [c.edits for c in after], [c.characters for c in before]]
    return bootstrap_interval(columns, gain, pages)


def bootstrap_interval(columns: Sequence[Sequence[int]], statistic: Any, pages: Sequence[str]) -> Interval | None:
    """The interval around a statistic of sums over lines; all columns are drawn together. None below two lines.

    Args:
        statistic: takes one array for each column and an axis to sum over.
    """
    samples, unit = _grouped(pages, columns)
    drawn = len(samples[0])
    if drawn < 2:
        return None
    # half a second to import, and most commands never need it
    from scipy import stats

    # percentiles of few draws lie too near: as far apart as Student's t wants them, the spread being 1 - 1/n too small
    tail = stats.norm.cdf(-np.sqrt(drawn / (drawn - 1)) * stats.t.ppf((1 + _LEVEL) / 2, drawn - 1))
    found = stats.bootstrap(
        samples,
        statistic,
        n_resamples=_RESAMPLES,
        batch=200,
        paired=True,
        vectorized=True,
        confidence_level=1 - 2 * float(tail),
        method="percentile",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    return Interval(float(found.low), float(found.high), unit)


def scope(unit: str, pages: int) -> str:
    """What an interval speaks of, in words."""
    if unit == "pages":
        return "pages like these"
    return (
        f"lines of these {pages} pages; other pages may differ more"
        if pages > 1
        else "lines like these; other pages may differ more"
    )


def reach(unit: str, pages: int) -> str:
    """The same where few words are wanted; what was drawn from few pages speaks of these."""
    if unit == "pages":
        return "on pages like these"
    return f"on these {pages} pages" if pages > 1 else "on this page"


def _ratio_interval(parts: Sequence[int], wholes: Sequence[int], pages: Sequence[str]) -> Interval | None:

    def ratio(parts: Any, wholes: Any, axis: int = -1) -> Any:
        return parts.sum(axis) / np.maximum(wholes.sum(axis), 1)

    return bootstrap_interval([parts, wholes], ratio, pages)


def _grouped(pages: Sequence[str], columns: Sequence[Sequence[int]]) -> tuple[list[NDArray[np.float64]], str]:
    """Sums for each page, or the lines themselves where there are few pages."""
    names = sorted(set(pages))
    if len(names) < MIN_PAGES:
        return [np.asarray(column, np.float64) for column in columns], "lines"
    place = {name: number for number, name in enumerate(names)}
    index = np.asarray([place[page] for page in pages])
    sums = [np.bincount(index, weights=np.asarray(column, np.float64)) for column in columns]
    return [np.asarray(total, np.float64) for total in sums], "pages"
