"""A line image along its baseline: turned to the horizontal, as high as three x-heights.

Source: loghi-tooling's line strips, reimplemented; compared with images cut by it.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from loghi_runner.cutting.contours import MIN_X_HEIGHT_PX
from loghi_runner.cutting.geometry import Points, length, norms, points_along
from loghi_runner.cutting.image import Pixels

#: Room around the baseline, in x-heights, that is looked at; less of it is kept.
_ABOVE, _BELOW, _BESIDE = 4, 3, 2
#: What is kept above and below the baseline, in x-heights.
_KEPT_ABOVE, _KEPT_BELOW = 2, 1

MIN_WIDTH_PX, MIN_HEIGHT_PX = 5, 6
MAX_SIDE_PX = 32_766
MAX_AREA_PX = 60_000_000
#: A line longer than this begins with a capital that may hang: its first part does not tell the direction.
_LONG_PX, _CAPITAL_PX = 200, 150

#: What an image of a line that is not straight up holds outside the page.
_WHITE = (255, 255, 255)

#: Values of the fourth channel. Source: loghi-tooling.
OUTSIDE, INSIDE = 1, 255


def cut_strip(image: Pixels, baseline: Points, outline: Points, x_height_px: int, channels: int) -> Pixels | str:
    """Cut one line, BGR or with the outline as fourth channel, 255 inside and 1 outside; or say why not.

    Args:
        baseline: two points or more.
        outline: three points or more.
        x_height_px: where the outline came from knows it; 15 where nothing does.
    """
    height, width = image.shape[:2]
    baseline = np.clip(baseline, 0, (width, height))
    if length(baseline) < MIN_WIDTH_PX:
        return "its baseline is shorter than 5 pixels"
    angle = _main_angle(baseline)
    size = _size(baseline, angle, max(x_height_px, MIN_X_HEIGHT_PX))
    if max(size) > MAX_SIDE_PX or size[0] * size[1] > MAX_AREA_PX:
        return f"it would be {size[0]} x {size[1]} pixels"
    to_strip = _transform(_center(baseline), size, angle)
    turned = np.asarray(
        cv2.warpPerspective(
            image, to_strip, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=_WHITE
        ),
        np.uint8,
    )
    mask = np.full(turned.shape[:2], OUTSIDE, np.uint8)
    cv2.fillPoly(mask, [_warped(outline, to_strip).astype(np.int32)], (INSIDE,))
    line_ys = _warped(points_along(baseline), to_strip)[:, 1].astype(np.float64)
    projected = _x_height_by_projection(turned, line_ys)
    masked = _x_height_by_mask(mask)
    # loghi-tooling loses the whole page where the projection tells nothing
    x_height = masked if projected is None else (projected + masked) // 2
    middle = int(np.median(line_ys))
    first = max(middle - _KEPT_ABOVE * x_height, 0)
    last = min(middle + _KEPT_BELOW * x_height, size[1] - 1)
    if last - first < MIN_HEIGHT_PX or size[0] - 1 < MIN_WIDTH_PX:
        return "nothing of it is inside the image"
    whole = np.dstack([turned, mask]) if channels == 4 else turned
    return np.ascontiguousarray(whole[first:last, :-1])


def _main_angle(baseline: Points) -> float:
    """The direction of most of the line, in degrees."""
    ways = np.diff(baseline, axis=0)
    angles = np.degrees(np.arctan2(ways[:, 1], ways[:, 0]))
    each_pixel = np.repeat(angles, np.ceil(norms(ways)).astype(int))
    if len(each_pixel) > _LONG_PX:
        each_pixel = each_pixel[_CAPITAL_PX:-1]
    radians = np.radians(each_pixel)
    # summed one by one, as loghi-tooling does: the last digit decides about pixels
    across, down = np.cumsum(np.cos(radians))[-1], np.cumsum(np.sin(radians))[-1]
    return math.degrees(math.atan2(down / len(radians), across / len(radians)))


def _center(baseline: Points) -> tuple[float, float]:
    (left, top), (right, bottom) = baseline.min(axis=0), baseline.max(axis=0)
    return float(left + right) / 2, float(top + bottom) / 2


def _size(baseline: Points, angle: float, x_height_px: int) -> tuple[int, int]:
    """Width and height that hold the baseline and the room around it, once it is horizontal."""
    turn = -math.radians(angle)
    sine, cosine = math.sin(turn), math.cos(turn)
    above, below, beside = _ABOVE * x_height_px, _BELOW * x_height_px, _BESIDE * x_height_px
    ways = (
        (above * sine, -above * cosine),
        (-below * sine, below * cosine),
        (-beside * cosine, -beside * sine),
        (beside * cosine, beside * sine),
    )
    around = np.concatenate([baseline + np.asarray(way) for way in ways])
    center = np.asarray(_center(baseline))
    away = around - center
    turned = np.stack([away[:, 0] * cosine - away[:, 1] * sine, away[:, 0] * sine + away[:, 1] * cosine], axis=1)
    whole = (turned + center).astype(np.int64)
    width, height = whole.max(axis=0) - whole.min(axis=0) + 1
    return int(width), int(height)


def _transform(center: tuple[float, float], size: tuple[int, int], angle: float) -> NDArray[np.float64]:
    width, height = size
    corners = cv2.boxPoints((center, (float(width), float(height)), angle))
    upright = np.asarray([(0, height - 1), (0, 0), (width - 1, 0), (width - 1, height - 1)], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(corners, upright), np.float64)


def _warped(points: Points, transform: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(cv2.perspectiveTransform(points.astype(np.float32)[None], transform)[0], np.float32)


def _x_height_by_projection(turned: Pixels, line_ys: NDArray[np.float64]) -> int | None:
    """How far up from the baseline rows have much ink; None when the baseline is above the strip."""
    inverted = cv2.bitwise_not(cv2.cvtColor(turned, cv2.COLOR_BGR2GRAY))
    ink = cv2.subtract(inverted, np.full_like(inverted, round(float(cv2.mean(inverted)[0]))))
    rows = _smoothed(np.count_nonzero(ink, axis=1))
    end = min(int(line_ys.max() + line_ys.min()) // 2, len(rows) - 1)
    if end <= 0:
        return None
    most, least, start = 0.0, math.inf, end
    for y in range(end, 0, -1):
        if most > 0 and rows[y] < most and end - y >= MIN_X_HEIGHT_PX:
            break
        most, least, start = max(most, rows[y]), min(least, rows[y]), y
    for y in range(start, 0, -1):
        if end - y > MIN_X_HEIGHT_PX and rows[y] < (least + most) / 2:
            break
        start = y
    return end - start


def _smoothed(rows: NDArray[np.int64]) -> list[float]:
    """The mean of each row and the seven before and after it, as far as there are so many."""
    sums = np.concatenate(([0], np.cumsum(rows)))
    reach = MIN_X_HEIGHT_PX // 2
    at = np.arange(len(rows))
    first, last = np.maximum(at - reach, 0), np.minimum(at + reach + 1, len(rows))
    return [float(mean) for mean in (sums[last] - sums[first]) / (last - first)]


def _x_height_by_mask(mask: NDArray[np.uint8]) -> int:
    """Half the outline's mean height, over the columns it reaches."""
    heights = np.count_nonzero(mask > OUTSIDE, axis=0)
    reached = heights[heights > 0]
    return int(reached.sum() / len(reached) * 0.5) if len(reached) else 0
