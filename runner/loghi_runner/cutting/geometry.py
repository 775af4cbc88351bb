"""Polylines: their length, the points along them, and fewer points for the same shape."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from loghi_runner.aliases import Point

#: (points, 2): x and y.
Points = NDArray[np.float64]

#: Coordinates beyond this are nonsense, and would overflow whole numbers.
_FAR = 1e6


def as_points(points: Sequence[Point]) -> Points:
    """float64 (points, 2); absurd coordinates are pulled in, so that nothing overflows."""
    return np.clip(np.asarray(points, np.float64).reshape(-1, 2), -_FAR, _FAR)


def length(line: Points) -> float:
    """The length of a polyline, in its own unit."""
    return float(norms(np.diff(line, axis=0)).sum()) if len(line) > 1 else 0.0


def norms(ways: NDArray[np.float64]) -> NDArray[np.float64]:
    """The lengths of (..., 2). Not by hypot, which rounds otherwise: the last digit decides about pixels."""
    return np.asarray(np.sqrt((ways * ways).sum(axis=-1)))


def bounding_box(points: Points) -> tuple[int, int, int, int]:
    """x, y, width and height, of coordinates cut to whole numbers."""
    whole = points.astype(np.int64)
    (left, top), (right, bottom) = whole.min(axis=0), whole.max(axis=0)
    return int(left), int(top), int(right - left), int(bottom - top)


def points_along(line: Points) -> Points:
    """A point about every pixel of a polyline's way, as loghi-tooling counts them: the last one may be missing."""
    parts = []
    for start, end in pairwise(line):
        distance = float(norms(end - start))
        steps = np.arange(1, int(distance) + 1)[:, None]
        parts += [start[None], np.trunc(start) + (end - start) * (steps / distance if distance else steps)]
    return np.concatenate(parts) if parts else line


def simplify(line: Points, tolerance: float) -> Points:
    """Leave out points nearer than `tolerance` to the line through the rest.

    Source: Douglas and Peucker 1973.
    """
    if len(line) <= 2:
        return line
    kept = np.zeros(len(line), bool)
    kept[[0, -1]] = True
    open_parts = [(0, len(line) - 1)]
    while open_parts:
        first, last = open_parts.pop()
        if last - first < 2:
            continue
        squares = _squared_distances(line[first + 1 : last], line[first], line[last])
        farthest = int(squares.argmax())
        if squares[farthest] > tolerance**2:
            middle = first + 1 + farthest
            kept[middle] = True
            open_parts += [(first, middle), (middle, last)]
    return line[kept]


def _squared_distances(points: Points, start: Points, end: Points) -> NDArray[np.float64]:
    along = end - start
    square = float(along @ along)
    share = np.clip((points - start) @ along / square, 0.0, 1.0) if square else np.zeros(len(points))
    away = points - (start + share[:, None] * along)
    return np.asarray((away * away).sum(axis=1))
