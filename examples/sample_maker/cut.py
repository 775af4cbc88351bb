"""Cuts a line out of a page image: the polygon's box, white outside the polygon, 64 pixels high."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from sample_maker.pages import Point

GreyImage = npt.NDArray[np.uint8]

LINE_HEIGHT_PX = 64
"""The input height of Loghi's models."""

OUTSIDE_GREY = 255

_GREY_STEP = 8  # 32 greys are enough for a reader and make the files half as large


def cut_line(page: GreyImage, polygon: Sequence[Point]) -> GreyImage:
    """Return the line image.

    Args:
        page: (height, width) grey, as decoded from the page's image file.
        polygon: (x, y) corners, inside the page.
    """
    corners = np.array(polygon, dtype=np.int32)
    left, top = corners.min(axis=0)
    right, bottom = corners.max(axis=0)
    box = page[top : bottom + 1, left : right + 1]
    mask = np.zeros(box.shape, dtype=np.uint8)
    cv2.fillPoly(mask, [corners - (left, top)], (255,))
    masked = np.where(mask > 0, box, OUTSIDE_GREY).astype(np.uint8)
    width_px = max(1, round(masked.shape[1] * LINE_HEIGHT_PX / masked.shape[0]))
    sized = Image.fromarray(masked).resize((width_px, LINE_HEIGHT_PX), Image.Resampling.BILINEAR)
    grey = np.asarray(sized, dtype=np.uint16)
    return np.minimum((grey + _GREY_STEP // 2) // _GREY_STEP * _GREY_STEP, 255).astype(np.uint8)
