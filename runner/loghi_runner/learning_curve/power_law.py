"""CER(n) = a * n^-b through the measured points, and what the next doubling would bring.

Source: learning curves of recognisers are close to straight lines on logarithmic axes; Hestness et al. 2017,
arXiv:1712.00409, section 3. For handwriting see docs/learning-curve.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any  # SciPy passes arrays with an axis

import numpy as np

from loghi_contract.counts import ErrorCounts
from loghi_runner.evaluation.intervals import Interval, bootstrap_interval

#: An error that was never seen has no logarithm: half an edit stands for none.
_LEAST_EDITS = 0.5


@dataclass(frozen=True)
class PowerLaw:
    """`next_cer` is what twice the lines would bring, on from the last measured point: CER_last * 2^-b.

    `gain_interval` is around CER_last - next_cer of the same judged lines, so it is narrower than that of `next_cer`.
    `off` is the largest distance of a measured point from the law, as a fraction of that point. There are no intervals
    around a single judged line, nor around two points: a law with two numbers goes through both, whatever they are.
    """

    a: float
    b: float
    b_interval: Interval | None
    next_cer: float
    next_interval: Interval | None
    gain_interval: Interval | None
    off: float


def fit_power_law(lines: Sequence[int], counts: Sequence[Sequence[ErrorCounts]], pages: Sequence[str]) -> PowerLaw:
    """The law by least squares of the logarithms; intervals by drawing the judged lines again, for all runs together.

    Args:
        lines: how many lines each run learnt from, two different numbers at least.
        counts: the errors of each run on the same judged lines.
        pages: the page of each judged line.
    """
    x = np.log(np.asarray(lines, np.float64))
    slope_weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()

    def exponent(y: Any) -> Any:
        return -np.tensordot(slope_weights, y, axes=1)

    def redrawn_exponent(*columns: Any, axis: int = -1) -> Any:
        return exponent(_log_cers(columns, axis))

    def next_cer(*columns: Any, axis: int = -1) -> Any:
        y = _log_cers(columns, axis)
        return np.exp(y[-1]) * 2 ** -exponent(y)

    def gain(*columns: Any, axis: int = -1) -> Any:
        y = _log_cers(columns, axis)
        return np.exp(y[-1]) * (1 - 2 ** -exponent(y))

    columns = [*([line.edits for line in run] for run in counts), [line.characters for line in counts[0]]]
    measured = tuple(np.asarray(column, np.float64) for column in columns)
    y = _log_cers(measured, -1)

    def interval(statistic: Any) -> Interval | None:
        return bootstrap_interval(columns, statistic, pages) if len(lines) > 2 else None

    b = float(exponent(y))
    law = np.exp(y.mean() + b * (x.mean() - x))
    return PowerLaw(
        a=float(np.exp(y.mean() + b * x.mean())),
        b=b,
        b_interval=interval(redrawn_exponent),
        next_cer=float(next_cer(*measured)),
        next_interval=interval(next_cer),
        gain_interval=interval(gain),
        off=float(np.max(np.abs(law / np.exp(y) - 1))),
    )


def _log_cers(columns: tuple[Any, ...], axis: int) -> Any:
    """The logarithm of each run's pooled CER, runs first; the last column holds the characters."""
    *edits, characters = (column.sum(axis) for column in columns)
    return np.log(np.maximum(np.stack(edits), _LEAST_EDITS) / np.maximum(characters, 1))
