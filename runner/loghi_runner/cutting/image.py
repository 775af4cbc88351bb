"""Pixels as everything here has them, out of opened images, and into PNG files."""

from pathlib import Path
from typing import Any  # samples are of whatever type a file has

import cv2
import numpy as np
from PIL import Image, ImageCms

from loghi_runner.cutting.depth import OddSamples, Pixels, as_eight_bits

__all__ = ["PageImageError", "Pixels", "as_png", "grey_pixels", "pixels_of", "write_png"]

#: Fast, and hardly larger than the smallest. Source: loghi-tooling writes so.
_COMPRESSION = 1


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
    """uint8 (height, width, 3) out of grey samples of any depth; see `as_eight_bits`.

    Raises:
        PageImageError: nobody can say what they mean.
    """
    try:
        grey = as_eight_bits(samples, stated=stated, white_is_zero=white_is_zero)
    except OddSamples as error:
        raise PageImageError(str(error)) from error
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
