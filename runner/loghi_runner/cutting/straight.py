"""A line image straightened: the baseline, smoothed, becomes a straight row, and the outline says how high a line is.

A box around a line that slopes or bends is far higher than its letters are, and scaled to the model's height it leaves
too few pixels for each. Measured on pages of phone photographs; see docs/architecture/04-pages.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from loghi_runner.cutting.geometry import Points, length, norms
from loghi_runner.cutting.image import Pixels, paper_of
from loghi_runner.cutting.strip import INSIDE, MAX_AREA_PX, MAX_SIDE_PX, MIN_HEIGHT_PX, MIN_WIDTH_PX, OUTSIDE

#: The baseline is a polynomial: of degree 1 below 3 line heights, 2 below 8, else 4. Hands wave no faster than that,
#: and what is left of the points' own jitter would make letters dance.
_DEGREES = ((3.0, 1), (8.0, 2), (np.inf, 4))
_SAMPLE_PX = 4.0
#: How far an outline reaches from the baseline: these shares of its edge are nearer. Flourishes are left out so.
_REACH_ABOVE, _REACH_BELOW = 95, 90
#: One line reaches no more than so much further or less than is usual on its page: scale is what a model reads by.
_MOST, _LEAST = 1.2, 0.8
#: What is kept: so many reaches, and a share of the outline's height besides.
_KEPT, _ROOM_ABOVE, _ROOM_BELOW = 1.2, 0.08, 0.12
#: Beyond its ends, by so many pixels, a baseline goes on as it bends; further it is level.
_BEYOND_PX = 10.0


@dataclass(frozen=True)
class _Course:
    """The baseline as a polynomial in its own frame, in which x runs from its first point to its last."""

    origin: Points
    turn: NDArray[np.float64]
    curve: NDArray[np.float64]
    length: float

    def to_frame(self, points: Points) -> Points:
        return (points - self.origin) @ self.turn.T

    def to_page(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return points @ self.turn + self.origin

    def y(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        share = np.clip(x, -_BEYOND_PX, self.length + _BEYOND_PX) / self.length
        return np.asarray(np.polyval(self.curve, share), np.float64)


@dataclass(frozen=True)
class StraightLine:
    """What of a line the page's usual scale is worked out from; reaches and height in pixels."""

    course: _Course
    outline: Points
    above: float
    below: float
    height: float


class StraightLines:
    """The lines of one page, straightened; their scale is that of the page.

    Args:
        lines: baseline and outline of each line; those that lack one of them are left to other ways of cutting.
    """

    def __init__(self, lines: Sequence[tuple[Points, Points]], size: tuple[int, int]) -> None:
        bounds = np.asarray(size, np.float64)
        self._lines = [_measure(np.clip(line, 0, bounds), np.clip(outline, 0, bounds)) for line, outline in lines]
        known = [line for line in self._lines if line is not None]
        self._above = float(np.median([line.above for line in known])) if known else 0.0
        self._below = float(np.median([line.below for line in known])) if known else 0.0
        self._height = float(np.median([line.height for line in known])) if known else 0.0

    def find(self, number: int) -> StraightLine | None:
        """The line, by its place; None for one that is left to other ways."""
        return self._lines[number]

    def _reaches(self, line: StraightLine) -> tuple[float, float]:
        """How far the image reaches above and below the baseline, in pixels."""
        above = np.clip(line.above, _LEAST * self._above, _MOST * self._above)
        below = np.clip(line.below, _LEAST * self._below, _MOST * self._below)
        return (
            float(_KEPT * above + _ROOM_ABOVE * self._height),
            float(_KEPT * below + _ROOM_BELOW * self._height),
        )

    def cut(self, image: Pixels, line: StraightLine, channels: int) -> Pixels | str:
        """The line's image, BGR or with its outline as fourth channel; or why it cannot be cut."""
        in_frame = line.course.to_frame(line.outline)
        left, right = int(np.floor(in_frame[:, 0].min())), int(np.ceil(in_frame[:, 0].max()))
        above, below = self._reaches(line)
        width, height = right - left, round(above + below)
        if width < MIN_WIDTH_PX or height < MIN_HEIGHT_PX:
            return "nothing of it is inside the image"
        if max(width, height) > MAX_SIDE_PX or width * height > MAX_AREA_PX:
            return f"it would be {width} x {height} pixels"
        xs = np.arange(width, dtype=np.float64) + left + 0.5
        ys = (np.arange(height) + 0.5 - above)[:, None] + line.course.y(xs)[None]
        places = line.course.to_page(np.stack([np.broadcast_to(xs, ys.shape), ys], axis=-1))
        # only a part of the page is looked at: OpenCV takes no picture of more than 32 767 pixels
        first, last = _box(places, line.outline, (image.shape[1], image.shape[0]))
        part = image[first[1] : last[1], first[0] : last[0]]
        inside = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(inside, [np.round(line.outline - first).astype(np.int32)], (INSIDE,))
        map_x, map_y = np.moveaxis((places - first - 0.5).astype(np.float32), -1, 0)
        strip = cv2.remap(part, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.remap(inside, map_x, map_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=(0,))
        seen = np.asarray(mask, np.uint8) == INSIDE
        if not seen.any():
            return "nothing of it is inside the image"
        straight = np.array(strip, np.uint8)
        straight[~seen] = paper_of(straight[seen])
        return np.dstack([straight, np.where(seen, INSIDE, OUTSIDE).astype(np.uint8)]) if channels == 4 else straight


def straight_size(baseline: Points, outline: Points) -> tuple[int, int] | None:
    """Width and height that the line's image will have, about: its page's scale is not known yet; None if not cut."""
    line = _measure(baseline, outline)
    if line is None:
        return None
    width = np.ptp(line.course.to_frame(outline)[:, 0])
    return round(float(width)), round(_KEPT * (line.above + line.below) + (_ROOM_ABOVE + _ROOM_BELOW) * line.height)


def _measure(baseline: Points, outline: Points) -> StraightLine | None:
    if len(baseline) < 2 or len(outline) < 3 or length(baseline) < MIN_WIDTH_PX:
        return None
    if baseline[-1, 0] < baseline[0, 0]:
        baseline = baseline[::-1]  # drawn from right to left: the letters stand upright all the same
    height = _area(outline) / max(float(np.ptp(outline @ _direction(baseline))), 1.0)
    course = _course(baseline, height)
    if course is None:
        return None
    edge = course.to_frame(_around(outline))
    away = edge[:, 1] - course.y(edge[:, 0])
    above, below = -away[away < 0], away[away > 0]
    if not len(above):
        return None  # an outline below its baseline tells nothing of it
    reach_below = float(np.percentile(below, _REACH_BELOW)) if len(below) else 0.0
    return StraightLine(course, outline, float(np.percentile(above, _REACH_ABOVE)), reach_below, height)


def _course(baseline: Points, height: float) -> _Course | None:
    way = baseline[-1] - baseline[0]
    reach = float(norms(way))
    if reach < MIN_WIDTH_PX:
        return None  # it comes back to where it began
    cosine, sine = way / reach
    turn = np.asarray([[cosine, sine], [-sine, cosine]])
    along = _spaced(baseline, _SAMPLE_PX)
    frame = (along - baseline[0]) @ turn.T
    degree = next(degree for heights, degree in _DEGREES if reach < heights * max(height, 1.0))
    curve = np.polyfit(frame[:, 0] / reach, frame[:, 1], min(degree, len(frame) - 1))
    return _Course(baseline[0], turn, curve, reach)


def _spaced(line: Points, step: float) -> Points:
    """Points of a polyline, so far from each other."""
    at = np.concatenate([[0.0], np.cumsum(norms(np.diff(line, axis=0)))])
    wanted = np.linspace(0.0, at[-1], max(int(at[-1] / step), 2))
    return np.stack([np.interp(wanted, at, line[:, 0]), np.interp(wanted, at, line[:, 1])], axis=1)


def _around(outline: Points) -> Points:
    return _spaced(np.concatenate([outline, outline[:1]]), _SAMPLE_PX)


def _direction(baseline: Points) -> Points:
    way = baseline[-1] - baseline[0]
    return np.asarray(way / max(float(norms(way)), 1.0))


def _area(outline: Points) -> float:
    x, y = outline.T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def _box(places: NDArray[np.float64], outline: Points, size: tuple[int, int]) -> tuple[NDArray[np.int64], ...]:
    """Left top corner, and one beyond the right bottom corner, of the part of the page that is looked at."""
    points = np.concatenate([places.reshape(-1, 2), outline])
    first = np.clip(np.floor(points.min(axis=0)) - 1, 0, np.asarray(size) - 1).astype(np.int64)
    last = np.clip(np.ceil(points.max(axis=0)) + 2, first + 1, size).astype(np.int64)
    return first, last
