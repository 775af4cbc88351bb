"""A line image as its outline shows it: upright, and bare paper where the outline is not."""

import cv2
import numpy as np
from numpy.typing import NDArray

from loghi_runner.cutting.geometry import Points, bounding_box
from loghi_runner.cutting.image import Pixels
from loghi_runner.cutting.strip import INSIDE, OUTSIDE

_MIN_SIDE_PX = 3
#: Greys so near each other count as one when the paper's grey is looked for.
_GREY_STEP = 4

NOTHING_INSIDE = "nothing of it is inside the image"


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
        return NOTHING_INSIDE
    box = image[top:bottom, left:right].copy()
    inside = np.full(box.shape[:2], OUTSIDE, np.uint8)
    cv2.fillPoly(inside, [np.round(outline - np.asarray((left, top))).astype(np.int32)], (INSIDE,))
    if masked:
        box[inside == OUTSIDE] = _paper(box)
    return np.dstack([box, inside]) if channels == 4 else box


def cut_box(image: Pixels, outline: Points) -> Pixels | str:
    """The box of an outline, three channels and without any mask.

    Source: loghi-tooling's way with a baseline of one point; its box leaves out the last row and column.
    """
    x, y, width, height = bounding_box(np.clip(outline, 0, image.shape[1::-1]))
    if width < _MIN_SIDE_PX or height < _MIN_SIDE_PX:
        return NOTHING_INSIDE
    return image[y : y + height, x : x + width].copy()


def _paper(box: Pixels) -> NDArray[np.float64]:
    """The colour of the paper: the mean of the pixels whose grey is the most common."""
    grey = cv2.cvtColor(box, cv2.COLOR_BGR2GRAY) // _GREY_STEP
    commonest = np.bincount(grey.ravel()).argmax()
    return np.asarray(box[grey == commonest].mean(axis=0).round())
