"""How far a score could be otherwise on other pages of the same kind: bootstrap over pages, or over lines.

Source: Efron and Tibshirani 1993, percentile intervals; clusters because errors of one page go together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any  # SciPy passes arrays with an axis

import numpy as np
from numpy.typing import NDArray

from loghi_contract.counts import ErrorCounts

#: With fewer pages lines are drawn instead: few clusters give intervals that are far too narrow.
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


def cer_interval(counts: Sequence[ErrorCounts], pages: Sequence[str]) -> Interval | None:
    """The interval around the pooled CER; None for fewer than two lines."""
    (edits, characters), unit = _grouped(pages, [c.edits for c in counts], [c.characters for c in counts])

    def cer(edits: Any, characters: Any, axis: int = -1) -> Any:
        return edits.sum(axis) / np.maximum(characters.sum(axis), 1)

    return _interval((edits, characters), cer, unit)


def gain_interval(before: Sequence[ErrorCounts], after: Sequence[ErrorCounts], pages: Sequence[str]) -> Interval | None:
    """The interval around CER before less CER after, of the same lines: both models are drawn together."""
    (old, new, characters), unit = _grouped(
        pages, [c.edits for c in before], [c.edits for c in after], [c.characters for c in before]
    )

    def gain(old: Any, new: Any, characters: Any, axis: int = -1) -> Any:
        return (old.sum(axis) - new.sum(axis)) / np.maximum(characters.sum(axis), 1)

    return _interval((old, new, characters), gain, unit)


def _grouped(pages: Sequence[str], *columns: Sequence[int]) -> tuple[list[NDArray[np.float64]], str]:
    """Sums for each page, or the lines themselves where there are few pages."""
    names = sorted(set(pages))
    if len(names) < MIN_PAGES:
        return [np.asarray(column, np.float64) for column in columns], "lines"
    place = {name: number for number, name in enumerate(names)}
    index = np.asarray([place[page] for page in pages])
    sums = [np.bincount(index, weights=np.asarray(column, np.float64)) for column in columns]
    return [np.asarray(total, np.float64) for total in sums], "pages"


def _interval(samples: tuple[NDArray[np.float64], ...], statistic: Any, unit: str) -> Interval | None:
    if len(samples[0]) < 2:
        return None
    # half a second to import, and most commands never need it
    from scipy import stats

    found = stats.bootstrap(
        samples,
        statistic,
        n_resamples=_RESAMPLES,
        batch=200,
        paired=True,
        vectorized=True,
        confidence_level=_LEVEL,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    return Interval(float(found.low), float(found.high), unit)
