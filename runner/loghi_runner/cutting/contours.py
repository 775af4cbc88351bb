"""The outlines of a page's lines, worked out from their baselines: seams above and below, around the ink.

Source: loghi-tooling's recalculation of contours, reimplemented; compared with images cut by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any  # OpenCV's stubs know other arrays than NumPy's

import cv2
import numpy as np
from numpy.typing import NDArray

from loghi_runner.cutting.geometry import Points, bounding_box, length, norms, points_along, simplify
from loghi_runner.cutting.image import Pixels

#: Lines are taken to be at least so far apart.
_MIN_INTERLINE_PX = 35.0
MIN_X_HEIGHT_PX = 15
_BASELINE_THICKNESS_PX = 10
_TOLERANCE_PX = 5.0
#: Seams are looked for at a quarter of the size. Source: loghi-tooling, its shrink factor.
_SHRINK = 4

#: What a seam must not cross.
_FORBIDDEN = float(np.finfo(np.float32).max)

Field = NDArray[np.float32]
Costs = NDArray[np.float64]


@dataclass(frozen=True)
class Contour:
    outline: Points
    x_height_px: int


@dataclass(frozen=True)
class _Box:
    """A part of the page: its left top corner and its size."""

    x: int
    y: int
    width: int
    height: int

    def of(self, field: Field) -> Costs:
        return field[self.y : self.y + self.height, self.x : self.x + self.width].astype(np.float64)


class PageContours:
    """Outlines for the lines of one page; what concerns the whole page is worked out once.

    Args:
        baselines: of all lines of the page that have one, in pixels; also those of a single point.
    """

    def __init__(self, image: Pixels, baselines: Sequence[Points]) -> None:
        self._baselines = baselines
        self._boxes = [bounding_box(baseline) for baseline in baselines]
        self._interline = _interline_distance(baselines)
        if self._interline is not None:
            self._energy = _energy(image)
            self._energy_with_lines = _with_baselines(self._energy, baselines)

    def of(self, number: int) -> Contour | None:
        """The outline around a baseline.

        Returns:
            None where loghi-tooling keeps the outline that the line has: a page of one line, a baseline that is a
            point, runs from right to left or downwards, or lies outside the image.
        """
        baseline = self._baselines[number]
        if self._interline is None or len(baseline) < 2:
            return None
        x_height = max(self._interline / 3, MIN_X_HEIGHT_PX)
        margin = int(x_height)
        width = self._energy.shape[1]
        right = min(int(baseline[-1, 0]) + margin, width - 1)
        left = max(int(baseline[0, 0]) - margin, 0)
        if right - left <= 0:
            return None
        top = self._top(number, left, right, x_height, margin)
        bottom = self._bottom(number, left, right, x_height, margin) if top is not None else None
        if top is None or bottom is None:
            return None
        around = np.concatenate([top[::-1], bottom])
        return Contour(simplify(simplify(around, _TOLERANCE_PX), _TOLERANCE_PX), margin)

    def _top(self, number: int, left: int, right: int, x_height: float, margin: int) -> Points | None:
        baseline = self._baselines[number]
        height, width = self._energy.shape
        first_y = max(float(baseline[:, 1].min()) - 2 * (self._interline or 0.0), 0.0)
        last_y = min(float(baseline[:, 1].max()) + x_height, height - 1.0)
        box = _Box(left, int(first_y), right - left, int(last_y - first_y))
        if box.height <= 0 or box.y + box.height > height or box.x + box.width > width:
            return None
        costs = box.of(self._energy_with_lines) - cv2.mean(box.of(self._energy))[0]
        above = self._nearest(number, upwards=True)
        if above is not None:
            _forbid_columns(costs, _inside(points_along(self._baselines[above]), box), upwards=True)
        thickness = _thickness(x_height)
        _forbid_steps(costs, baseline, box, thickness)
        _forbid_columns(costs, points_along(baseline) - (box.x, box.y), upwards=False)
        return _seam(costs, box, baseline, -1.5 * x_height)

    def _bottom(self, number: int, left: int, right: int, x_height: float, margin: int) -> Points | None:
        baseline = self._baselines[number]
        height = self._energy.shape[0]
        _, box_y, _, box_height = self._boxes[number]
        first_y = min(max(box_y, 0), height - 1)
        last_y = min(box_y + box_height - 1 + (self._interline or 0.0), height - 1.0)
        box = _Box(left, first_y, right - left, int(last_y - first_y))
        if box.height <= 0:
            return None
        costs = box.of(self._energy_with_lines) - round(cv2.mean(box.of(self._energy))[0])
        _draw_baseline_twice(costs, baseline, box, margin)
        below = self._nearest(number, upwards=False)
        _forbid_steps(costs, baseline, box, 1)
        _forbid_columns(costs, points_along(baseline) - (box.x, box.y), upwards=True)
        if below is not None:
            thickness = _thickness(x_height)
            for x, y in np.unique(_inside(points_along(self._baselines[below]), box).astype(np.int64), axis=0):
                _draw(costs, (int(x), int(y)), (int(x), box.height), _FORBIDDEN, thickness)
        return _seam(costs, box, baseline, x_height / 2)

    def _nearest(self, number: int, *, upwards: bool) -> int | None:
        """The line whose box begins nearest above (or below) this one's and shares columns with it."""
        x, y, width, _ = self._boxes[number]
        nearest, least = None, float("inf")
        for other, (other_x, other_y, other_width, _) in enumerate(self._boxes):
            distance = y - other_y if upwards else other_y - y
            if other_x + other_width > x and other_x < x + width and 0 < distance < least:
                nearest, least = other, distance
        return nearest


def _thickness(x_height: float) -> int:
    # OpenCV draws no line that is thicker, and only absurd coordinates would ask for one
    return min(max(int(x_height / (2 * _SHRINK)), 1), 255)


def _energy(image: Pixels) -> Field:
    """Where ink is, smoothed; float32 (height, width). All values are exact: they are multiples of 1/1024."""
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    inverted = cv2.bitwise_not(gray)
    edges = cv2.addWeighted(
        cv2.Sobel(inverted, cv2.CV_8U, 1, 0, ksize=3, scale=1, delta=-15),
        0.5,
        cv2.Sobel(inverted, cv2.CV_8U, 0, 1, ksize=3, scale=1, delta=-15),
        0.5,
        0.0,
        dtype=cv2.CV_32F,
    )
    ink = cv2.adaptiveThreshold(gray, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY_INV, 21, 15)
    both = cv2.addWeighted(edges, 0.5, ink, 0.5, 0.0, dtype=cv2.CV_32F)
    return np.asarray(cv2.GaussianBlur(both, (5, 5), 0), np.float32)


def _with_baselines(energy: Field, baselines: Sequence[Points]) -> Field:
    drawn = energy.copy()
    height, width = energy.shape
    for baseline in baselines:
        inside = np.clip(baseline, 0, (width - 1, height - 1)).astype(np.int64).tolist()
        for start, end in pairwise(inside):
            _draw(drawn, start, end, 255.0, _BASELINE_THICKNESS_PX)
    return drawn


def _interline_distance(baselines: Sequence[Points]) -> float | None:
    """The middle of the lines' distances to the nearest other line; None on a page of one line."""
    distances = []
    for baseline in baselines:
        others = np.concatenate(baselines)
        own = {(x, y) for x, y in baseline.tolist()}
        others = np.asarray([point for point in others.tolist() if tuple(point) not in own])
        if len(others):
            distances.append(_closest_distance(others, baseline))
    if len(baselines) < 2 or len(distances) < len(baselines):
        return None
    return max(float(np.median(distances)), _MIN_INTERLINE_PX)


def _closest_distance(first: Points, second: Points) -> float:
    between = first[:, None] - second[None]
    points = float(norms(between).min())
    return min(points, _to_edges(first, second), _to_edges(second, first))


def _to_edges(points: Points, polygon: Points) -> float:
    """The least distance of points to the edges of a closed polygon.

    The place on the edge is divided by the edge's length, not by its square: so does loghi-tooling, and the
    x-height follows from it.
    """
    starts, ends = polygon, np.roll(polygon, -1, axis=0)
    along = ends - starts
    lengths = norms(along)
    offsets = points[:, None] - starts[None]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip((offsets * along[None]).sum(axis=2) / lengths[None], 0.0, 1.0)
    share[:, lengths == 0] = 0.0
    away = offsets - share[:, :, None] * along[None]
    return float(norms(away).min())


def _inside(points: Points, box: _Box) -> Points:
    """Points relative to the box, those in it only and not on its first row."""
    local = points - (box.x, box.y)
    rows = points[:, 1].astype(np.int64) - box.y
    return local[(local[:, 0] >= 0) & (local[:, 0] < box.width) & (rows > 0) & (rows < box.height)]


def _forbid_columns(costs: Costs, points: Points, *, upwards: bool) -> None:
    """Forbid all that is above (or below) each point, the point itself included."""
    height, width = costs.shape
    xs, ys = points.astype(np.int64).T
    seen = (xs >= 0) & (xs < width)
    xs, ys = xs[seen], ys[seen]
    edge = np.full(width, -1 if upwards else height)
    if upwards:
        np.maximum.at(edge, xs, ys)
    else:
        np.minimum.at(edge, xs, ys)
    rows = np.arange(height)[:, None]
    costs[rows <= edge if upwards else rows >= edge] = _FORBIDDEN


def _forbid_steps(costs: Costs, baseline: Points, box: _Box, thickness: int) -> None:
    """Forbid the upright part between each point of the baseline and the height of the one before."""
    local = (baseline - (box.x, box.y)).astype(np.int64).tolist()
    for before, point in pairwise(local):
        _draw(costs, point, (point[0], before[1]), _FORBIDDEN, thickness)


def _draw_baseline_twice(costs: Costs, baseline: Points, box: _Box, margin: int) -> None:
    """Make the baseline dear, from its first point to the last and back to the first: so does loghi-tooling."""
    local = np.tile(baseline - (box.x + margin, box.y), (2, 1))
    inside = np.all((local >= 0) & (local < (box.width, box.height)), axis=1).tolist()
    whole = local.astype(np.int64).tolist()
    for number in range(1, len(whole)):
        if inside[number - 1] and inside[number]:
            _draw(costs, whole[number - 1], whole[number], 255 * length(baseline), 10 // _SHRINK)


def _draw(field: Any, start: Sequence[int], end: Sequence[int], value: float, thickness: int) -> None:
    cv2.line(field, start, end, (value,), thickness)


def _seam(costs: Costs, box: _Box, baseline: Points, offset: float) -> Points | None:
    """The seam that begins so far from the baseline's end, in the page's pixels."""
    seam = _find_seam(costs, int(points_along(baseline)[-1, 1] - box.y + offset))
    return None if seam is None else seam + np.asarray((box.x, box.y))


def _find_seam(costs: Costs, start_y: int) -> NDArray[np.float64] | None:
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
    small = cv2.resize(costs, (ceil(width / _SHRINK), ceil(height / _SHRINK)), interpolation=cv2.INTER_NEAREST)
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
