"""A line of ground truth; and listed line images on disk: found, their headers looked at, or where they moved to."""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from loghi_contract.files import open_plain
from loghi_contract.lines import LineSample, SkippedLine, SkipReason
from loghi_runner.files import is_file, is_folder

#: What the trainer's decoder (OpenCV) reads.
_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "JPEG2000", "PPM")

#: So many images are looked for, in so many folders beside each other, to propose `data.root`.
_MAX_TRIED, _MAX_CHILDREN = 40, 100


@dataclass(frozen=True)
class GroundTruthLine:
    """A line image and its text, of a line list or of a page: the one form of a line from there to a run's list.

    `sample` is how a list has it: the image as it is listed, or `<page>-<line id>.png`; the text is `?` where lines are
    only to be read. `image` is the real path. A line that is not cut from its page yet has an estimated size, and the
    path that its image will have: its name alone, until somebody says in which folder.

    Args:
        has_transparency, bytes: of a listed image.
        retried: the listed path was found by its end under data.root.
        place: of a line of a page: among all lines of the page, from 0.
    """

    sample: LineSample
    image: Path
    width_px: int
    height_px: int
    has_transparency: bool = False
    bytes: int = 0
    retried: bool = False
    is_cut: bool = True
    place: int = 0


@dataclass(frozen=True)
class RootProposal:
    """`found` of `tried` missing images are below `root`; `example` is one of them."""

    root: Path
    found: int
    tried: int
    example: Path


class ImageFinder:
    """Finds listed images: absolute as they are, relative below data.root or else the list's folder.

    With data.root an absolute path that is missing is looked for by its end, longest first:
    `/home/other/x/page/line.png` may be `<root>/page/line.png`.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._real_folders: dict[Path, Path] = {}
        self._tails: dict[str, int] = {}

    def find(self, sample: LineSample, folder: Path) -> GroundTruthLine | SkippedLine:
        """The line, or why its image cannot be used; `folder` is where its list lies."""
        # an absolute path stays what it is
        path, retried = (self._root or folder) / sample.image, False
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
        known = self._tails.get(folder)
        for number, path in enumerate(_ends(self._root, image)):
            if known in (None, number) and is_file(path):
                self._tails[folder] = number
                return path
        return None

    def _real(self, path: Path) -> Path:
        folder = self._real_folders.get(path.parent)
        if folder is None:
            folder = self._real_folders[path.parent] = path.parent.resolve()
        real = folder / path.name
        return real.resolve() if real.is_symlink() else real


def propose_root(missing: Mapping[Path, Sequence[LineSample]], config_folder: Path) -> RootProposal | None:
    """The folder near the lists or the config below which most of the missing images are: what `data.root` may be.

    `missing` is by the folder of their list.
    """
    samples = [sample for found in missing.values() for sample in found]
    tried = samples[:: max(1, len(samples) // _MAX_TRIED)][:_MAX_TRIED]
    best: RootProposal | None = None
    for root in dict.fromkeys(_candidates([*missing, config_folder])):
        found = [path for path in (_below(root, sample.image) for sample in tried) if path is not None]
        # two images that end in the same file are not found, they are confused
        distinct = len(set(found))
        if distinct and (best is None or distinct > best.found):
            best = RootProposal(root, distinct, len(tried), found[0])
            if distinct == len(tried):
                break
    return best


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


def _candidates(near: Sequence[Path]) -> Iterator[Path]:
    yield from near
    for folder in near:
        yield from _children(folder)
    for folder in near:
        yield from folder.parents[:2]
    for folder in near:
        yield from _children(folder.parent)


def _children(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if is_folder(entry) and not entry.name.startswith("."))
    except OSError:
        return []
    return [folder / name for name in names[:_MAX_CHILDREN]]


def _below(root: Path, image: str) -> Path | None:
    """The image below `root`: a relative path as it is, an absolute one by its end."""
    ends = _ends(root, image) if image.startswith("/") else [root / image]
    return next((path for path in ends if is_file(path)), None)


def _ends(root: Path, image: str) -> Iterator[Path]:
    """Where below `root` an absolute path may be, its longest end first."""
    parts = [part for part in image.split("/") if part]
    return (root.joinpath(*parts[skipped:]) for skipped in range(len(parts)))
