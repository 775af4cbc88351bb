"""Lines out of a page image: along the baseline as Loghi cuts them, straightened, or by their outline."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from loghi_contract.cut import Cut
from loghi_runner.aliases import Point
from loghi_runner.cutting.contours import MIN_X_HEIGHT_PX, Contour, PageContours
from loghi_runner.cutting.geometry import Points, as_points, bounding_box, length
from loghi_runner.cutting.image import Pixels, paper_of
from loghi_runner.cutting.straight import StraightLines, straight_size
from loghi_runner.cutting.strip import INSIDE, OUTSIDE, cut_strip

#: As Loghi's own training data: colour, and the line's shape as transparency.
CHANNELS = 4

#: A line without an outline is given one around its baseline, of so many x-heights.
_ABOVE, _BELOW = 2, 1
#: The x-height of a line about which nothing else is known, as a share of its baseline's length at most.
_MAX_X_HEIGHT_SHARE = 0.5
_MIN_SIDE_PX = 3

_NO_SHAPE = "it has neither a baseline nor an outline"
_NOTHING_INSIDE = "nothing of it is inside the image"


@dataclass(frozen=True)
class LineShape:
    """A line's geometry in the image's pixels; empty where the page has none."""

    baseline: tuple[Point, ...]
    outline: tuple[Point, ...]
    x_height_px: int | None


@dataclass(frozen=True)
class CutLine:
    """uint8 (height, width, 3) BGR or (height, width, 4) BGRA.

    `way` is how it was cut, in words, where that is not what was asked for.
    """

    pixels: Pixels
    way: str | None = None


@dataclass(frozen=True)
class NotCut:
    detail: str


def cut_lines(
    image: Pixels, lines: Sequence[LineShape], wanted: Collection[int], cut: Cut, channels: int
) -> Iterator[tuple[int, CutLine | NotCut]]:
    """Cut the wanted lines of a page, in order.

    Args:
        lines: all lines of the page: where one ends depends on its neighbours.
        wanted: which of them to cut, by their place.
        channels: 3, or 4 with the outline as transparency: 255 inside, 1 outside.
    """
    if cut is Cut.LOGHI:
        # Intel's routines round otherwise than OpenCV's own, as loghi-tooling has; a seam through even paper shows it
        cv2.ipp.setUseIPP(False)
        with_baseline = [number for number, line in enumerate(lines) if line.baseline]
        contours = PageContours(image, [as_points(lines[number].baseline) for number in with_baseline])
    elif cut is Cut.STRAIGHT:
        straight = StraightLines([_shape_of(line) for line in lines], image.shape[1::-1])
    for number in sorted(wanted):
        line = lines[number]
        # one odd line never takes its page along, whatever the libraries make of it; the reason is told as it is
        try:
            if cut is Cut.POLYGON:
                outcome = _by_outline(image, line, channels)
            elif cut is Cut.STRAIGHT:
                outcome = _straightened(image, line, number, straight, channels)
            elif len(line.baseline) > 1:
                outcome = _along_baseline(image, line, contours.of(with_baseline.index(number)), channels)
            else:
                outcome = _without_baseline(image, line, channels)
        except MemoryError:
            outcome = NotCut("memory ran out")
        except cv2.error as error:
            outcome = NotCut(f"OpenCV cannot do it: {error.err}")
        except (ArithmeticError, LookupError, ValueError) as error:
            outcome = NotCut(f"its shape cannot be followed ({type(error).__name__}: {error})")
        yield number, outcome


def estimated_size(line: LineShape, cut: Cut) -> tuple[int, int] | None:
    """Width and height that the line's image will have, about; None where it has no shape to cut by."""
    baseline, outline = as_points(line.baseline), as_points(line.outline)
    if cut is Cut.STRAIGHT and (size := straight_size(*_shape_of(line))) is not None:
        return size
    if len(baseline) > 1 and (cut is Cut.LOGHI or len(outline) < 3):
        x_height = _x_height(baseline, outline, line.x_height_px)
        return round(length(baseline) + 4 * x_height), round(3 * x_height)
    if len(outline) < 3:
        return None
    width, height = outline.max(axis=0) - outline.min(axis=0) + 1
    return round(width), round(height)


def _along_baseline(image: Pixels, line: LineShape, contour: Contour | None, channels: int) -> CutLine | NotCut:
    baseline = as_points(line.baseline)
    if contour is not None:
        outline, x_height = contour.outline, contour.x_height_px
    else:
        x_height = line.x_height_px or MIN_X_HEIGHT_PX
        outline = as_points(line.outline) if len(line.outline) > 2 else _around(baseline, x_height)
    return _outcome(cut_strip(image, baseline, outline, x_height, channels))


def _without_baseline(image: Pixels, line: LineShape, channels: int) -> CutLine | NotCut:
    if len(line.outline) < 3:
        return NotCut(_NO_SHAPE)
    outline = as_points(line.outline)
    if line.baseline:
        return _outcome(cut_box(image, outline))
    way = "cut by its outline: it has no baseline"
    return _outcome(cut_outline(image, outline, channels, masked=False), way)


def _shape_of(line: LineShape) -> tuple[Points, Points]:
    """Baseline and outline; a line that has only the first gets an outline around it."""
    baseline, outline = as_points(line.baseline), as_points(line.outline)
    if len(outline) < 3 and len(baseline) > 1:
        outline = _around(baseline, _x_height(baseline, outline, line.x_height_px))
    return baseline, outline


def _straightened(
    image: Pixels, line: LineShape, number: int, straight: StraightLines, channels: int
) -> CutLine | NotCut:
    if (found := straight.find(number)) is not None:
        return _outcome(straight.cut(image, found, channels))
    if len(line.outline) < 3:
        return NotCut(_NO_SHAPE if not line.baseline else "its baseline is shorter than 5 pixels")
    way = "cut by its outline: it has no baseline that could be followed"
    return _outcome(cut_outline(image, as_points(line.outline), channels, masked=True), way)


def _by_outline(image: Pixels, line: LineShape, channels: int) -> CutLine | NotCut:
    way = None
    if len(line.outline) > 2:
        outline = as_points(line.outline)
    elif len(line.baseline) > 1:
        baseline = as_points(line.baseline)
        outline = _around(baseline, _x_height(baseline, as_points(()), line.x_height_px))
        way = "cut around its baseline: it has no outline"
    else:
        return NotCut(_NO_SHAPE)
    return _outcome(cut_outline(image, outline, channels, masked=True), way)


def _outcome(pixels: Pixels | str, way: str | None = None) -> CutLine | NotCut:
    return NotCut(pixels) if isinstance(pixels, str) else CutLine(pixels, way)


def _around(baseline: Points, x_height_px: float) -> Points:
    above = baseline - np.asarray((0, _ABOVE * x_height_px))
    below = baseline + np.asarray((0, _BELOW * x_height_px))
    return np.concatenate([above, below[::-1]])


def _x_height(baseline: Points, outline: Points, known_px: int | None) -> float:
    """A third of the line's height: known, or that of the outline, or of a usual line."""
    if known_px:
        return max(known_px, MIN_X_HEIGHT_PX)
    if len(outline) > 2:
        return max(float(np.ptp(outline[:, 1]) - np.ptp(baseline[:, 1])) / 3, MIN_X_HEIGHT_PX)
    return max(min(2 * MIN_X_HEIGHT_PX, length(baseline) * _MAX_X_HEIGHT_SHARE), 1.0)


def cut_outline(image: Pixels, outline: Points, channels: int, *, masked: bool) -> Pixels | str:
    """Cut the outline's box, or say why not.

    Args:
        outline: three points or more.
        channels: 3 (BGR) or 4 (and the outline: 255 inside, 1 outside, as in loghi-tooling's strips).
        masked: paint what is outside the outline with the colour of the paper; else it is left as it is.
    """
    height, width = image.shape[:2]
    left, top = np.maximum(np.floor(outline.min(axis=0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(outline.max(axis=0)) + 1, (width, height)).astype(int)
    if right - left < _MIN_SIDE_PX or bottom - top < _MIN_SIDE_PX:
        return _NOTHING_INSIDE
    box = image[top:bottom, left:right].copy()
    inside = np.full(box.shape[:2], OUTSIDE, np.uint8)
    cv2.fillPoly(inside, [np.round(outline - np.asarray((left, top))).astype(np.int32)], (INSIDE,))
    if masked:
        box[inside == OUTSIDE] = paper_of(box)
    return np.dstack([box, inside]) if channels == 4 else box


def cut_box(image: Pixels, outline: Points) -> Pixels | str:
    """The box of an outline, three channels and without any mask.

    Source: loghi-tooling's way with a baseline of one point; its box leaves out the last row and column.
    """
    x, y, width, height = bounding_box(np.clip(outline, 0, image.shape[1::-1]))
    if width < _MIN_SIDE_PX or height < _MIN_SIDE_PX:
        return _NOTHING_INSIDE
    return image[y : y + height, x : x + width].copy()
