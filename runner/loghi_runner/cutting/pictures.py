"""Page images: the pictures in a file, without decoding, and the pixels of one of them."""

import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # OpenCV's arrays are typed too widely

import cv2
import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from loghi_contract.files import open_plain, read_plain
from loghi_runner.cutting.image import PageImageError, Pixels, as_eight_bits, grey_pixels, pixels_of

#: EXIF orientations in which width and height change places.
_TURNED = (5, 6, 7, 8)
_ORIENTATION = 0x0112
#: What turns a picture back: 6 is a quarter to the right, 8 one to the left, and all others undo themselves.
_BACK = {6: 8, 8: 6}

#: TIFF's tags. Source: TIFF 6.0.
_SUBFILE, _OLD_SUBFILE, _BITS, _PHOTOMETRIC, _MAX_SAMPLE = 254, 255, 258, 262, 281
#: Marks of a TIFF's further pictures that are no pages: a smaller copy, a mask.
_COPY, _MASK, _OLD_COPY = 1, 4, 2
_WHITE_IS_ZERO = 0
#: No file of pages has more pictures.
_MAX_PICTURES = 10_000

#: Kinds of pixels that OpenCV decodes to the colours that everybody sees; Pillow decodes the others.
_MODES_FOR_OPENCV = ("1", "L", "RGB")
_KINDS_FOR_OPENCV = ("PNG", "JPEG", "MPO", "WEBP", "TIFF")
_KINDS = ("PNG", "JPEG", "WEBP", "TIFF", "JPEG2000", "BMP", "GIF")
# the orientation is followed by ourselves, or not
_FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
_TIFF_BEGINS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_JPEG_END, _JPEG_BARE = b"\xd9", (b"\x01", b"\xd8")
#: What begins a part of a JPEG; the other bytes after an FF belong to the picture itself.
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")

#: How the libraries say that what they met is not what it should be.
_BROKEN = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    SyntaxError,
    TypeError,
    ValueError,
    cv2.error,
    struct.error,
)


@dataclass(frozen=True)
class Picture:
    """One picture of a file, and how it is held.

    `place` counts from 0 among all that is in the file; `of` is how many pages the file holds. `orientation` is the
    mark by which viewers turn it (EXIF, 1 to 8); `as_stored`: it is not turned by it.
    """

    width: int
    height: int
    place: int = 0
    of: int = 1
    orientation: int = 1
    as_stored: bool = False

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


def page_pictures(image: Path) -> tuple[Picture, ...]:
    """What the file's pages look like, from its header alone: as viewers show the first, then other ways.

    Raises:
        PageImageError: not an image, or not of a known kind.
    """
    with _opened(image) as header:
        return _pictures(header)


def read_page_image(image: Path, picture: Picture | None = None) -> Pixels:
    """uint8 (height, width, 3) in BGR, white where it is transparent.

    Args:
        picture: one of `page_pictures`; the first, as viewers show it, by default.

    Raises:
        PageImageError: missing, cut short, or not an image.
    """
    with _opened(image) as header:
        picture = picture or _pictures(header)[0]
        content = read_plain(image)
        if isinstance(header, TiffImagePlugin.TiffImageFile):
            return _tiff_pixels(header, content, picture)
        if header.format in ("JPEG", "MPO") and not _has_end(content):
            raise PageImageError("it is cut short: the end of the JPEG is missing")
        by_opencv = header.mode in _MODES_FOR_OPENCV and header.format in _KINDS_FOR_OPENCV
        decoded = _by_opencv(content) if by_opencv else None
        pixels = pixels_of(header) if decoded is None else decoded
        return pixels if picture.as_stored else _turned(pixels, picture.orientation)


def _pictures(header: Image.Image) -> tuple[Picture, ...]:
    if not isinstance(header, TiffImagePlugin.TiffImageFile):
        # asking a PNG without one would decode it whole
        has_exif = header.format != "PNG" or "exif" in header.info
        orientation = _orientation(header.getexif().get(_ORIENTATION) if has_exif else None)
        return tuple(_ways(header.size, 0, 1, orientation))
    pages = list(_tiff_pages(header))
    full = [page for page in pages if page is not None]
    return tuple(way for size, place, mark in full for way in _ways(size, place, len(pages), mark))


def _ways(stored: tuple[int, int], place: int, of: int, orientation: int) -> Iterator[Picture]:
    width, height = stored[::-1] if orientation in _TURNED else stored
    yield Picture(width, height, place, of, orientation)
    if orientation in _TURNED:
        yield Picture(height, width, place, of, orientation, as_stored=True)


def _tiff_pages(header: TiffImagePlugin.TiffImageFile) -> Iterator[tuple[tuple[int, int], int, int] | None]:
    """Size as stored, place and orientation of each picture that is a page; None for one that cannot be read."""
    for place in range(_MAX_PICTURES):
        try:
            header.seek(place)
        except EOFError:
            return
        except SyntaxError:  # Pillow's word for a kind of pixels it does not know
            yield None
            continue
        tags = header.tag_v2
        is_copy = int(tags.get(_SUBFILE, 0)) & (_COPY | _MASK) or tags.get(_OLD_SUBFILE) == _OLD_COPY
        if is_copy and place > 0:
            continue
        orientation = _orientation(tags.get(_ORIENTATION))
        # Pillow gives the size as it will be shown
        yield header.size[::-1] if orientation in _TURNED else header.size, place, orientation


def _orientation(mark: object) -> int:
    return mark if isinstance(mark, int) and 1 <= mark <= 8 else 1


def _tiff_pixels(header: TiffImagePlugin.TiffImageFile, content: bytes, picture: Picture) -> Pixels:
    header.seek(picture.place)
    pixels = _as_shown(header, content, picture)
    return _turned(pixels, _BACK.get(picture.orientation, picture.orientation)) if picture.as_stored else pixels


def _as_shown(header: TiffImagePlugin.TiffImageFile, content: bytes, picture: Picture) -> Pixels:
    """The pixels of a TIFF's picture, turned: both libraries do that to a TIFF unasked."""
    tags, mode = header.tag_v2, header.mode
    stated = _stated(tags.get(_MAX_SAMPLE))
    bits = max(tags.get(_BITS, (1,)))
    white_is_zero = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    if mode.startswith("I") or mode == "F":
        return grey_pixels(np.asarray(header), stated, white_is_zero=white_is_zero)
    if mode == "L" and bits == 8 and stated is not None and stated < 128:
        # Pillow has made white 255 already
        samples = 255 - np.asarray(header) if white_is_zero else np.asarray(header)
        return grey_pixels(samples, stated, white_is_zero=white_is_zero)
    if mode == "RGB" and bits == 16 and (deep := _deep_colours(content, picture.place)) is not None:
        return as_eight_bits(deep, stated=stated)
    if bits == 16 and stated is not None and stated.bit_length() < 16:
        raise PageImageError(f"it holds {stated.bit_length()} bits in 16: save it with 8 bits a channel")
    by_opencv = mode in _MODES_FOR_OPENCV and picture.place == 0 and picture.orientation == 1
    decoded = _by_opencv(content) if by_opencv else None
    return pixels_of(header) if decoded is None else decoded


def _stated(value: object) -> int | None:
    """The largest sample that a TIFF says there can be, over all channels."""
    values = value if isinstance(value, tuple) else (value,)
    return max((each for each in values if isinstance(each, int) and each > 0), default=None)


def _deep_colours(content: bytes, place: int) -> Any:
    """uint16 (height, width, 3) in BGR; None where OpenCV sees something else."""
    _, pictures = cv2.imdecodemulti(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED, range=(place, place + 1))
    deep = next(iter(pictures), None)
    return deep if deep is not None and deep.dtype == np.uint16 and deep.shape[2:] == (3,) else None


def _by_opencv(content: bytes) -> Pixels | None:
    pixels: Any = cv2.imdecode(np.frombuffer(content, np.uint8), _FLAGS)
    return None if pixels is None else np.asarray(pixels, np.uint8)


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    """The pixels as the orientation mark says. Source: EXIF 2.3, tag Orientation; TIFF 6.0, the same tag."""
    if orientation in _TURNED:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _has_end(jpeg: bytes) -> bool:
    """Whether the picture is whole: OpenCV would paint a missing part grey and say nothing.

    What is behind the end (a phone's film) and in front of the picture (a thumbnail with an end of its own) is no
    matter. Source: ITU-T T.81, annex B.
    """
    at = 2
    while found := _JPEG_MARKER.search(jpeg, at):
        if found[1] == _JPEG_END:
            return True
        at = found.end()
        if found[1] not in _JPEG_BARE:
            at += int.from_bytes(jpeg[at : at + 2], "big")
    return False


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The image with its header read; whatever goes wrong with it inside the block is a PageImageError."""
    try:
        # opened by us: files that Pillow opens itself it maps into memory, and a TIFF to be turned becomes stripes
        with open_plain(path) as file:
            with warnings.catch_warnings():
                # page scans are large; and what is odd about a file is told when it cannot be read
                warnings.simplefilter("ignore")
                header = Image.open(file, formats=_KINDS)
            yield header
    except UnidentifiedImageError as error:
        raise PageImageError(_unidentified(path)) from error
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise PageImageError(f"it has more than {most} megapixels, far too many for a page: save it smaller") from error
    except OSError as error:
        raise PageImageError(f"it cannot be read: {error.strerror or error}") from error
    except _BROKEN as error:
        raise PageImageError(f"it is broken: {error or type(error).__name__}") from error


def _unidentified(path: Path) -> str:
    with open_plain(path) as file:
        begin = file.read(4)
    if not begin:
        return "the file is empty"
    if begin in _TIFF_BEGINS:
        return "it is a TIFF whose pixels are of an unusual kind: save it with 8 bits a channel"
    return "it is not an image of a known kind"
