"""Page images: their size without decoding, their pixels, and line images written."""

import warnings
from pathlib import Path
from typing import Any, BinaryIO  # OpenCV's arrays are typed too widely

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from loghi_contract.files import open_plain

Pixels = NDArray[np.uint8]

#: Fast, and hardly larger than the smallest. Source: loghi-tooling writes so.
_COMPRESSION = 1

#: EXIF orientations in which width and height change places.
_TURNED = (5, 6, 7, 8)
_ORIENTATION = 0x0112

#: Kinds of pixels that OpenCV decodes to the colours that everybody sees; Pillow decodes the others.
_MODES_FOR_OPENCV = ("1", "L", "RGB")
_KINDS_FOR_OPENCV = ("PNG", "JPEG", "MPO", "WEBP", "TIFF")
_KINDS = ("PNG", "JPEG", "WEBP", "TIFF", "JPEG2000", "BMP", "GIF")


class PageImageError(Exception):
    """The page image cannot be used; the message says why, in plain words."""


def page_image_size(image: Path) -> tuple[int, int]:
    """Width and height as `read_page_image` gives them, from the file's header alone.

    Raises:
        PageImageError: not an image, or not of a known kind.
    """
    with _Opened(image) as header:
        # asking a PNG without one would decode it whole
        has_exif = header.format != "PNG" or "exif" in header.info
        turned = has_exif and header.getexif().get(_ORIENTATION) in _TURNED
        return (header.height, header.width) if turned else (header.width, header.height)


def read_page_image(image: Path) -> Pixels:
    """uint8 (height, width, 3) in BGR, turned as its EXIF orientation says, white where it is transparent.

    Raises:
        PageImageError: missing, cut short, or not an image.
    """
    with _Opened(image) as header:
        by_opencv = header.mode in _MODES_FOR_OPENCV and header.format in _KINDS_FOR_OPENCV
        if header.format in ("JPEG", "MPO"):
            _require_end(image)
        pixels: Any = cv2.imdecode(_bytes_of(image), cv2.IMREAD_COLOR) if by_opencv else None
        return np.asarray(pixels, np.uint8) if pixels is not None else pixels_of(ImageOps.exif_transpose(header))


def pixels_of(image: Image.Image) -> Pixels:
    """uint8 (height, width, 3) in BGR of an opened image as it stands, white where it is transparent."""
    if image.mode.startswith("I") or image.mode == "F":
        # 16 bit: the upper eight are what everybody else shows
        return np.asarray(cv2.cvtColor(_upper_bits(image), cv2.COLOR_GRAY2BGR), np.uint8)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def write_png(pixels: Pixels, path: Path) -> None:
    """Write BGR or BGRA pixels. Raises OSError."""
    path.write_bytes(as_png(pixels))


def as_png(pixels: Pixels) -> bytes:
    """BGR or BGRA pixels as the bytes of a PNG file. Raises OSError."""
    encoded, content = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, _COMPRESSION])
    if not encoded:
        raise OSError(f"a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels cannot be written as PNG")
    return content.tobytes()


class _Opened:
    """The image with its header read; whatever goes wrong inside the block is a PageImageError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> Image.Image:
        try:
            self._file = open_plain(self._path)
            with warnings.catch_warnings():
                # page scans are large; and what is odd about a file is told when it cannot be read
                warnings.simplefilter("ignore")
                self._image = Image.open(self._file, formats=_KINDS)
        except BaseException as error:
            if self._file:
                self._file.close()
            self._explain(error)
            raise
        return self._image

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        self._image.close()
        if self._file:
            self._file.close()
        if error is not None:
            self._explain(error)

    def _explain(self, error: BaseException) -> None:
        """Raise what is wrong in plain words; an error that has nothing to do with the image goes on."""
        if isinstance(error, UnidentifiedImageError):
            is_empty = self._path.stat().st_size == 0
            raise PageImageError("the file is empty" if is_empty else "it is not an image of a known kind") from error
        if isinstance(error, Image.DecompressionBombError):
            raise PageImageError("it is far too large for a page") from error
        if isinstance(error, OSError):
            raise PageImageError(f"it cannot be read: {error.strerror or error}") from error
        if isinstance(error, (ValueError, SyntaxError, EOFError, cv2.error)):
            raise PageImageError(f"it is broken: {error}") from error


def _bytes_of(image: Path) -> Pixels:
    with open_plain(image) as file:
        return np.fromfile(file, np.uint8)


def _require_end(image: Path) -> None:
    """A JPEG that was cut short; OpenCV would paint its missing part grey and say nothing."""
    with open_plain(image) as file:
        size = file.seek(0, 2)
        file.seek(max(size - 64 * 1024, 0))
        if b"\xff\xd9" not in file.read():
            raise PageImageError("it is cut short: the end of the JPEG is missing")


def _upper_bits(image: Image.Image) -> Pixels:
    values = np.asarray(image)
    return (values / 256 if values.max(initial=0) > 255 else values).astype(np.uint8)
