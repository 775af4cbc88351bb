"""A line image made level from itself alone: for lines that came as images, as boxes around slopes and bends.

The slope and the curve are those that gather the ink in the fewest rows; kept are the rows that hold it. Measured on
upright boxes of sloping lines, scaled to 64 px; see docs/pages.md.
"""

from typing import Any, Final  # OpenCV's arrays are typed too widely

import cv2
import numpy as np
from numpy.typing import NDArray

from loghi_trainer.images import Pixels

#: Lines are looked at in this height.
_HEIGHT: Final = 64
#: Narrower ones, in that height, have no slope that could be told from their letters.
_NARROWEST_PX: Final = 120
#: Ink is what is darker than the paper around it by so much; how dark a stroke is matters no more beyond the second.
_PAPER_PX, _DARKER, _DARKEST = 31, 12, 80
_COLUMN_PX: Final = 16
#: A line rises or falls by no more than so much of the image's height, from its middle.
_MOST_SLOPE: Final = 0.42
#: Each search is finer than the last: steps of the slope, and of the curve.
_FINE, _FINEST = np.linspace(-1 / 12, 1 / 12, 9), np.linspace(-1 / 72, 1 / 72, 5)
_FINE_CURVE, _FINEST_CURVE = np.linspace(-0.3, 0.3, 9), np.linspace(-0.075, 0.075, 5)
#: All but so much of the ink, at each edge, is in the band that is kept; and so much of the band is added around it.
_LOST, _MARGIN = 0.012, 0.65
#: Fewer rows than that are a stroke, and no line of writing.
_LEAST_BAND: Final = 18 / 64

Field = NDArray[np.float32]


def straighten(pixels: Pixels, height_px: int) -> Pixels:
    """The line level, and as high as its ink; a line that is too short to tell is as it was.

    Args:
        pixels: uint8 (height, width, channels).
        height_px: of the model; a lower band is enlarged to it here, where that can be done well.
    """
    height, width = pixels.shape[:2]
    scale = _HEIGHT / height
    if width * scale < _NARROWEST_PX or min(pixels.shape[:2]) < 3:
        return pixels
    ink = _ink(pixels, round(width * scale))
    bend = _bend(ink)
    first, last = _band(ink, bend)
    band = (last - first) / scale
    # what is enlarged anyway is sampled once
    rows = max(round(band), height_px)
    columns = max(round(width * rows / band), 1)
    xs = (np.arange(columns) + 0.5) / columns
    middle = first / scale + (np.arange(rows) + 0.5)[:, None] * band / rows
    ys = middle + _offsets(*bend, 2 * xs - 1)[None] * height
    map_x, map_y = (
        np.broadcast_to(np.clip(xs * width - 0.5, 0, width - 1), ys.shape).astype(np.float32),
        (ys - 0.5).astype(np.float32),
    )
    flat = pixels.reshape(height, width, -1)
    paper = [float(np.median(flat[:, :, channel])) for channel in range(flat.shape[2])]
    if flat.shape[2] == 4:
        paper[3] = float(flat[:, :, 3].min())  # outside the line's shape, where it has one
    level: Any = cv2.remap(flat, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=paper)
    return np.ascontiguousarray(level.reshape(rows, columns, -1), dtype=np.uint8)


def _ink(pixels: Pixels, width: int) -> Field:
    """How much ink is where, float32 (64, width), in an image that is scaled to this height."""
    colours = pixels[:, :, :3].reshape(*pixels.shape[:2], -1)
    grey: Any = np.ascontiguousarray(colours)
    if colours.shape[2] == 3:
        grey = cv2.cvtColor(grey, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey.reshape(grey.shape[:2]), (width, _HEIGHT), interpolation=cv2.INTER_AREA)
    darker = cv2.medianBlur(small, _PAPER_PX).astype(np.float32) - small.astype(np.float32) - _DARKER
    return np.asarray(cv2.GaussianBlur(np.clip(darker, 0, _DARKEST), (0, 0), 1.0), np.float32)


def _bend(ink: Field) -> tuple[float, float]:
    """Slope and curve, in heights of the image, that gather the ink in the fewest rows."""
    columns = cv2.resize(ink, (max(ink.shape[1] // _COLUMN_PX, 16), _HEIGHT), interpolation=cv2.INTER_AREA)
    xs = np.linspace(-1, 1, columns.shape[1])
    rows = np.arange(_HEIGHT)[:, None]

    def gathered(bend: tuple[float, float]) -> float:
        shifted = rows + _HEIGHT - np.rint(_offsets(*bend, xs) * _HEIGHT).astype(np.int64)
        profile = np.bincount(shifted.clip(0, 3 * _HEIGHT - 1).ravel(), columns.ravel(), 3 * _HEIGHT)
        return float((np.convolve(profile, np.ones(5), "same") ** 2).sum())

    slope, curve = max(((slope, 0.0) for slope in np.linspace(-_MOST_SLOPE, _MOST_SLOPE, 25)), key=gathered)
    for slopes, curves in ((_FINE * _MOST_SLOPE, _FINE_CURVE * _MOST_SLOPE), (_FINEST, _FINEST_CURVE)):
        around = [(slope + of_slope, curve + of_curve) for of_slope in slopes for of_curve in curves]
        slope, curve = max(around, key=gathered)
    return slope, curve


def _offsets(slope: float, curve: float, xs: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far down the line is at these places from -1 to 1, in heights of the image."""
    return slope * xs + curve * (xs * xs - 1 / 3)


def _band(ink: Field, bend: tuple[float, float]) -> tuple[float, float]:
    """The first row of the level line that is kept, and the one after the last; in rows of `ink`."""
    width = ink.shape[1]
    offsets = _offsets(*bend, (np.arange(width) + 0.5) / width * 2 - 1) * _HEIGHT
    rows = np.arange(_HEIGHT)[:, None] + _HEIGHT - np.rint(offsets).astype(np.int64)
    filled = np.cumsum(np.bincount(rows.clip(0, 3 * _HEIGHT - 1).ravel(), ink.ravel(), 3 * _HEIGHT))
    if filled[-1] <= 0:
        return 0.0, float(_HEIGHT)
    first, last = np.searchsorted(filled / filled[-1], (_LOST, 1 - _LOST)) - _HEIGHT
    room = _MARGIN * float(last - first) / 2 + 1
    lacking = max(_LEAST_BAND * _HEIGHT - (float(last - first) + 2 * room), 0.0) / 2
    return float(first) - room - lacking, float(last) + room + lacking
