"""Line images to the tensors Loghi models were trained on, to the digit.

Source: Loghi HTR 2.x, data loader, measured against its own tensors.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final  # OpenCV's arrays are typed too widely

import cv2
import numpy as np
from numpy.typing import NDArray

from loghi_contract.widths import MARGIN_PX, steps_for_labels

Pixels = NDArray[np.uint8]
Tensor = NDArray[np.float32]

#: Fills a batch on the right; Loghi models have seen it in training.
BATCH_PADDING: Final = -10.0

#: What a line that is too narrow for its text is widened with; mid grey after centring.
WIDENING: Final = 0.0

#: Input pixels that Loghi gives each label (and each blank between equal neighbours).
PX_PER_LABEL: Final = 16

#: Width of the narrowest line in recognition, where no text is known.
MIN_WIDTH_PX: Final = 256

# a line is too small to be shared out among threads; several lines are prepared at a time
cv2.setNumThreads(1)

# IGNORE_ORIENTATION: Loghi does not read EXIF either, and the cut line images carry none worth reading
_DECODE_FLAGS = {
    1: cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
    3: cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION,
    4: cv2.IMREAD_UNCHANGED,
}


class UnreadableImage(ValueError):
    """The file does not decode to an image; never trained on as a black one."""


def decode_image(path: Path, channels: int) -> Pixels:
    """Decode a line image file to uint8 (height, width, channels) in RGB(A) order; see `decode`.

    Raises:
        UnreadableImage: missing, truncated, or not an image.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableImage(error.strerror or str(error)) from error
    return decode(content, channels)


def decode(content: bytes, channels: int) -> Pixels:
    """Decode the bytes of a line image file to uint8 (height, width, channels) in RGB(A) order.

    Alpha is left out for 1 and 3 channels, not blended; it is 255 where a 4-channel model meets an image without it.

    Raises:
        UnreadableImage: truncated, or not an image.
    """
    try:
        return _decoded(np.frombuffer(content, np.uint8), channels)
    except cv2.error as error:
        raise UnreadableImage(str(error.err)) from error
    except MemoryError as error:
        raise UnreadableImage("there is no memory for an image of this size") from error


def _decoded(data: Pixels, channels: int) -> Pixels:
    pixels: Any = cv2.imdecode(data, _DECODE_FLAGS[channels]) if data.size else None
    if pixels is None or pixels.size == 0:
        raise UnreadableImage("not an image, or cut short")
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise UnreadableImage(f"its pixels are {pixels.dtype}, not of 8 or 16 bits")
    if channels == 1:
        return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], 1), dtype=np.uint8)
    if channels == 4:
        return np.ascontiguousarray(_with_alpha(pixels), dtype=np.uint8)
    return np.ascontiguousarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def resize_to_height(pixels: Pixels, height_px: int) -> Tensor:
    """Scale to the model's height, keeping the aspect ratio; float32 (height, width, channels), still 0..255.

    Bilinear with half-pixel centres and no antialiasing.
    """
    height, width, channels = pixels.shape
    scale = np.float32(height_px / height)
    new_width = max(1, round(float(np.float32(width) * scale)))
    resized = cv2.resize(pixels.astype(np.float32), (new_width, height_px), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32).reshape(height_px, new_width, channels)


def resized_width(pixels: Pixels, height_px: int) -> int:
    """Width in pixels of the line as the model sees it, margins included, before any widening."""
    height, width, _ = pixels.shape
    return max(1, round(float(np.float32(width) * np.float32(height_px / height)))) + 2 * MARGIN_PX


def center(resized: Tensor) -> Tensor:
    """Add the margins, centre the grey values and transpose.

    Args:
        resized: float32 (height, width, channels), 0..255.

    Returns:
        float32 (width + 2 * MARGIN_PX, height, channels); white is -0.5, black and the margins are +0.5.
    """
    padded = np.pad(resized / np.float32(255.0), ((0, 0), (MARGIN_PX, MARGIN_PX), (0, 0)))
    return np.ascontiguousarray((np.float32(0.5) - padded).transpose(1, 0, 2))


def width_for_labels(labels: Sequence[object]) -> int:
    """Pixels that Loghi gives a line for its labels in training."""
    return PX_PER_LABEL * steps_for_labels(labels)


def widen(line: Tensor, min_width_px: int) -> Tensor:
    """Fill a narrow line on the right up to `min_width_px`; (width, height, channels)."""
    missing = min_width_px - line.shape[0]
    if missing <= 0:
        return line
    return np.pad(line, ((0, missing), (0, 0), (0, 0)), constant_values=np.float32(WIDENING))


def stack(lines: list[Tensor]) -> Tensor:
    """A batch (lines, widest width, height, channels), filled on the right with `BATCH_PADDING`."""
    widest = max(line.shape[0] for line in lines)
    batch = np.full((len(lines), widest, *lines[0].shape[1:]), BATCH_PADDING, np.float32)
    for row, line in zip(batch, lines, strict=True):
        row[: line.shape[0]] = line
    return batch


def _with_alpha(pixels: Pixels) -> Pixels:
    if pixels.ndim == 2:
        rgb = np.repeat(pixels[:, :, None], 3, axis=2)
    elif pixels.shape[2] == 4:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA), np.uint8)
    else:
        rgb = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
