"""A line image small enough to stand in a page that needs no other file."""

import base64
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loghi_contract.files import read_plain

_HEIGHT_PX = 64
_QUALITY = 60


@dataclass(frozen=True)
class LinePicture:
    """`data` is a data URI."""

    data: str
    width_px: int
    height_px: int


def line_picture(path: Path) -> LinePicture | None:
    """The line image, scaled down; None where there is no image that can be read."""
    import cv2  # whoever looks at a run may have to make its report, and hardly ever has

    try:
        pixels = cv2.imdecode(np.frombuffer(read_plain(path), np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, cv2.error):  # OpenCV raises on an empty file
        return None
    if pixels is None:
        return None
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        # what is outside the outline is paler, not gone: most models see it
        outside = pixels[:, :, 3:] < 128
        pixels = np.where(outside, pixels[:, :, :3] // 2 + 127, pixels[:, :, :3]).astype(np.uint8)
    height, width = pixels.shape[:2]
    scale = min(1.0, _HEIGHT_PX / height)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, content = cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    return LinePicture("data:image/webp;base64," + base64.b64encode(content.tobytes()).decode(), *size)
