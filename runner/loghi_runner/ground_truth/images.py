"""Line images: found on disk, symlinks resolved, their headers looked at."""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from loghi_contract.files import open_plain
from loghi_contract.lines import LineSample, SkippedLine, SkipReason
from loghi_runner.files import is_file
from loghi_runner.ground_truth.lists import ListedLine

#: What the trainer's decoder (OpenCV) reads.
_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "JPEG2000", "PPM")


@dataclass(frozen=True)
class GroundTruthLine:
    """A line whose image is there and looks like one.

    `image` is the real path. `retried` tells that the listed path was found by its end under data.root. A line that
    is not cut from its page yet has the path its image will have, and an estimated size.
    """

    sample: LineSample
    image: Path
    width_px: int
    height_px: int
    has_transparency: bool
    bytes: int
    retried: bool = False
    is_cut: bool = True


class ImageFinder:
    """Finds listed images: absolute as they are, relative below data.root or else the list's folder.

    With data.root an absolute path that is missing is looked for by its end, longest first:
    `/home/other/x/page/line.png` may be `<root>/page/line.png`.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._real_folders: dict[Path, Path] = {}
        self._tails: dict[str, int | None] = {}

    def listed_path(self, line: ListedLine) -> Path:
        """Where the list says the image is; an absolute path stays what it is."""
        return (self._root or line.folder) / line.sample.image

    def find(self, line: ListedLine) -> GroundTruthLine | SkippedLine:
        sample = line.sample
        path, retried = self.listed_path(line), False
        try:
            status = path.stat()
        except (OSError, ValueError) as error:
            found = self._by_tail(sample.image)
            if found is None:
                unreadable = isinstance(error, PermissionError)
                reason = SkipReason.UNREADABLE_IMAGE if unreadable else SkipReason.MISSING_IMAGE
                detail = "no permission to read it" if unreadable else str(path)
                return SkippedLine(sample.image, sample.text, sample.where, reason, detail)
            path, retried = found, True
            status = path.stat()
        real = self._real(path)
        header = _header(real)
        if isinstance(header, str):
            return SkippedLine(sample.image, sample.text, sample.where, SkipReason.UNREADABLE_IMAGE, header)
        width_px, height_px, has_transparency = header
        return GroundTruthLine(sample, real, width_px, height_px, has_transparency, status.st_size, retried)

    def _by_tail(self, image: str) -> Path | None:
        if self._root is None or not image.startswith("/"):
            return None
        folder = os.path.dirname(image)  # noqa: PTH120  # called for every line of a list
        parts = tuple(part for part in image.split("/") if part)
        known = self._tails.get(folder)
        if known is not None:
            path = self._root.joinpath(*parts[known:])
            return path if is_file(path) else None
        for skipped in range(len(parts)):
            path = self._root.joinpath(*parts[skipped:])
            if is_file(path):
                self._tails[folder] = skipped
                return path
        return None

    def _real(self, path: Path) -> Path:
        folder = self._real_folders.get(path.parent)
        if folder is None:
            folder = self._real_folders[path.parent] = path.parent.resolve()
        real = folder / path.name
        return real.resolve() if real.is_symlink() else real


def _header(path: Path) -> tuple[int, int, bool] | str:
    """Width, height and transparency, or why it is no image; only the header is read."""
    try:
        with warnings.catch_warnings():
            # a very large image is the trainer's business: it scales each line to the model's height
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with open_plain(path) as file, Image.open(file, formats=_FORMATS) as image:
                has_transparency = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
                return image.width, image.height, has_transparency
    except UnidentifiedImageError:
        return "empty file" if path.stat().st_size == 0 else "not an image of a known kind"
    except Image.DecompressionBombError:
        return "far too large for a line image"
    except OSError as error:
        return error.strerror or str(error)
    except (ValueError, SyntaxError) as error:
        # Pillow reports broken PNG chunks so
        return str(error)
