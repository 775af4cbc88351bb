"""Line images to be read: those of a list, with or without texts, or those in a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from loghi_contract.lines import SKIP_SENTENCES, LineSample, SkippedLine
from loghi_runner.errors import DataError
from loghi_runner.findings import Finding
from loghi_runner.ground_truth.images import GroundTruthLine, ImageFinder
from loghi_runner.ground_truth.lists import ListedLine, read_list_text
from loghi_runner.pages.find import IMAGE_SUFFIXES

#: No line is so high; images that mostly are, are whole pages.
_PAGE_HEIGHT_PX = 700


@dataclass(frozen=True)
class ImageLine:
    """A line image; `name` is what the list calls it, or its path below the folder."""

    name: str
    image: Path


@dataclass(frozen=True)
class ImageLines:
    """What can be read, in order; why the others cannot, by name."""

    lines: tuple[ImageLine, ...]
    failed: dict[str, str]


def read_image_list(path: Path, root: Path | None = None) -> ImageLines:
    """The images of a line list: the first field of each line; texts are not looked at.

    Args:
        root: where image paths begin, if not at the list's own folder.

    Raises:
        DataError: the list cannot be read, or names no image.
    """
    content = read_list_text(path, str(path), str(path))
    if isinstance(content, Finding):
        raise DataError(content.code, content.message, where=content.where, hint=content.hint)
    rows = enumerate(content.removeprefix("\ufeff").split("\n"), start=1)
    named = [
        (f"{path}:{number}", row.split("\t")[0].strip()) for number, row in rows if not row.strip().startswith("#")
    ]
    hint = "Paths in a list begin at the list's own folder; --root names another."
    return _found([(where, name) for where, name in named if name], path, path.parent, ImageFinder(root), hint)


def read_image_folder(folder: Path) -> ImageLines:
    """All line images below a folder, by name.

    Raises:
        DataError: there are none, or they are whole pages.
    """
    images = [path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES]
    shown = sorted(path.relative_to(folder) for path in images)
    visible = [path for path in shown if not any(part.startswith(".") for part in path.parts)]
    hint = "Name a folder of pages with XML, or of line images: " + " ".join(IMAGE_SUFFIXES)
    return _found([(str(folder), str(path)) for path in visible], folder, folder, ImageFinder(None), hint)


def _found(named: Sequence[tuple[str, str]], source: Path, begin: Path, finder: ImageFinder, hint: str) -> ImageLines:
    lines: list[ImageLine] = []
    heights: list[int] = []
    failed: dict[str, str] = {}
    for where, name in named:
        found = finder.find(ListedLine(LineSample(name, "?", 1.0, where), begin))
        if isinstance(found, GroundTruthLine):
            lines.append(ImageLine(name, found.image))
            heights.append(found.height_px)
        else:
            failed[name] = reason(found)
    if not lines:
        first = next((f": {name}: {why}" for name, why in failed.items()), "")
        raise DataError("recognize.no_images", f"there is no line image to read{first}", where=str(source), hint=hint)
    if median(heights) > _PAGE_HEIGHT_PX:
        raise DataError(
            "recognize.pages_without_lines",
            f"these images are {median(heights):.0f} pixels high, whole pages it seems, and no XML tells their lines",
            where=str(source),
            hint="Mark the lines first (with Laypa, eScriptorium, Transkribus); the PAGE XML goes beside the images.",
        )
    return ImageLines(tuple(lines), failed)


def reason(line: SkippedLine) -> str:
    """Why a line is skipped, in words."""
    return f"{SKIP_SENTENCES[line.reason]} ({line.detail})" if line.detail else SKIP_SENTENCES[line.reason]
