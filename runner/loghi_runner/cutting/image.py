"""Pixels as everything here has them, eight bits and black is 0: out of samples of any kind, and into PNG files."""

from pathlib import Path
from typing import Any  # samples are of whatever type a file has

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[np.uint8]

#: Fast, and hardly larger than the smallest. Source: loghi-tooling writes so.
_COMPRESSION = 1

#: Greys so near each other count as one when the paper's grey is looked for.
_GREY_STEP = 4

#: Depths of scanners; samples without a statement have the smallest of these that holds them all.
_DEPTHS = (8, 10, 12, 14, 16, 24, 32)
#: What a real number for white may be: a share, or a whole number of so many bits.
_WHITES = (1.0, 255.0, 65535.0)


class PageImageError(Exception):
    """The page image cannot be used; the message says why, in plain words."""


def pixels_of(image: Image.Image) -> Pixels:
    """uint8 (height, width, 3) in BGR of an opened image as it stands, white where it is transparent.

    Raises:
        PageImageError: nobody can say what its pixels mean.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return grey_pixels(np.asarray(image))
    if image.mode == "LAB":
        colours = (ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"))
        image = ImageCms.applyTransform(image, ImageCms.buildTransform(*colours, "LAB", "RGB")) or image
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def paper_of(pixels: Pixels) -> NDArray[np.float64]:
    """The colour of the paper, BGR, in pixels (..., 3): the mean of those whose grey is the most common."""
    flat = pixels.reshape(-1, 1, 3)
    grey = cv2.cvtColor(flat, cv2.COLOR_BGR2GRAY)[:, 0] // _GREY_STEP
    commonest = np.bincount(grey).argmax()
    return np.asarray(flat[grey == commonest, 0].mean(axis=0).round())


def write_png(pixels: Pixels, path: Path) -> None:
    """Write BGR or BGRA pixels. Raises OSError, and ValueError for a size that PNG does not have."""
    path.write_bytes(as_png(pixels))


def as_png(pixels: Pixels) -> bytes:
    """BGR or BGRA pixels as the bytes of a PNG file. Raises ValueError for a size that PNG does not have."""
    encoded, content = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, _COMPRESSION])
    if not encoded:
        raise ValueError(f"a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels cannot be written as PNG")
    return content.tobytes()


def grey_pixels(samples: Any, stated: int | None = None, *, white_is_zero: bool = False) -> Pixels:
    """uint8 (height, width, 3) out of grey samples of any depth; see `as_eight_bits`."""
    grey = as_eight_bits(samples, stated=stated, white_is_zero=white_is_zero)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def as_eight_bits(samples: NDArray[Any], *, stated: int | None = None, white_is_zero: bool = False) -> Pixels:
    """The samples scaled to 0..255, of the same shape.

    Args:
        stated: the largest sample there can be (TIFF's MaxSampleValue); programs write the largest that there is, too,
            so it tells the number of bits and no more.
        white_is_zero: TIFF's photometric interpretation 0.

    Raises:
        PageImageError: samples below zero, not a number, or with no white that anybody writes.

    Source: TIFF 6.0, sections 8 and 4; scanners that write 10 or 12 bits into 16 without a word.
    """
    least, most = samples.min(initial=0), samples.max(initial=0)
    if not np.isfinite(most - least):
        raise PageImageError("it has pixels that are no number")
    if least < 0:
        raise PageImageError("it has pixels darker than black (numbers below zero)")
    if np.issubdtype(samples.dtype, np.floating):
        white = next((white for white in _WHITES if most <= white), None)
        if white is None:
            raise PageImageError(f"its pixels go up to {most:g}, and nobody says how much is white")
        eight = np.round(samples * (255 / white)).astype(np.uint8)
    else:
        bits = _bits(int(most), stated)
        eight = (samples >> (bits - 8) if bits >= 8 else samples * (255 // (2**bits - 1))).astype(np.uint8)
    return 255 - eight if white_is_zero else eight


def _bits(most: int, stated: int | None) -> int:
    if stated is not None and stated >= most:
        return max(stated.bit_length(), 1)
    return next(bits for bits in _DEPTHS if most < 2**bits)
