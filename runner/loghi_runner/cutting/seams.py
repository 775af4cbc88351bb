"""The cheapest way through a field of costs from its left to its right edge."""

from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

#: Seams are looked for at a quarter of the size. Source: loghi-tooling, its shrink factor.
SHRINK = 4

#: What a seam must not cross.
FORBIDDEN = float(np.finfo(np.float32).max)

Costs = NDArray[np.float64]


def find_seam(costs: Costs, start_y: int) -> NDArray[np.float64] | None:
    """The seam as points (x, y) from right to left: the first, then one for each column.

    Args:
        costs: (height, width), changed by nobody.
        start_y: row at the right edge where the way back begins.

    Returns:
        None when the field is too low for a seam.

    Source: loghi-tooling; Avidan and Shamir 2007.
    """
    height, width = costs.shape
    if height <= 2:
        return None
    total = _accumulated(costs).data
    y = min(max(start_y, 0), height - 1)
    ways = [y]
    for x in range(width - 1, -1, -1):
        y = min(max(y, 1), height - 2)
        above, here, below = total[y - 1, x], total[y, x], total[y + 1, x]
        if above < here and above < below:
            y -= 1
        elif below < here:
            y += 1
        ways.append(y)
    xs = np.concatenate(([width - 1], np.arange(width - 1, -1, -1)))
    return np.stack([xs, ways], axis=1).astype(np.float64)


def _accumulated(costs: Costs) -> Costs:
    """The lowest cost of any way from the left edge to each place, worked out at a quarter of the size."""
    height, width = costs.shape
    small = cv2.resize(costs, (ceil(width / SHRINK), ceil(height / SHRINK)), interpolation=cv2.INTER_NEAREST)
    columns = np.ascontiguousarray(small.T)
    before = columns[0]
    lowest = np.empty_like(before)
    for column in columns[1:]:
        np.minimum(before[:-1], before[1:], out=lowest[1:])
        lowest[0] = before[0]
        np.minimum(lowest[:-1], before[1:], out=lowest[:-1])
        column += lowest
        before = column
    return np.ascontiguousarray(cv2.resize(np.ascontiguousarray(columns.T), (width, height)), np.float64)
