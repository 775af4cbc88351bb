"""Line lists and folders of line images: their lines, and what keeps them from being read."""

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from loghi_contract.files import read_plain
from loghi_contract.job import Split
from loghi_contract.lines import SKIP_SENTENCES, LineSample, SkippedLine, parse_line_list
from loghi_runner.errors import DataError
from loghi_runner.files import is_folder
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.lines import GroundTruthLine, ImageFinder
from loghi_runner.pages.find import IMAGE_SUFFIXES

#: The config's key that names the lists of a split.
SPLIT_KEYS = {
    Split.TRAIN: "data.train",
    Split.VAL: "data.validation",
    Split.TEST: "data.test",
    Split.BASE_DOMAIN: "data.base_domain",
    Split.OLD_HAND: "data.old_hand",
}

_A_LIST = "A line list has one line per image: the path, a TAB, the text."
#: What the text of a single line image is called in other programs' folders.
_TEXT_OF_ONE = ".gt.txt"

#: No line is so high; images that mostly are, are whole pages.
_PAGE_HEIGHT_PX = 700


@dataclass(frozen=True)
class LineList:
    """The lines of a list, in order; relative image paths begin at `folder`. `trimmed` counts texts with blanks around.

    With an error among the findings it has none.
    """

    folder: Path
    samples: tuple[LineSample, ...] = ()
    skipped: tuple[SkippedLine, ...] = ()
    trimmed: int = 0
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class ImageLines:
    """Line images to be read, in order; their texts are `?`. Why others cannot be read, by name."""

    lines: tuple[GroundTruthLine, ...]
    failed: dict[str, str]


def read_list(path: Path, key: str, config_folder: Path) -> LineList:
    """Read a line list; its images are not looked at.

    Args:
        key: the config's key that names it, for findings.
        config_folder: a list in it is named relative to it.
    """
    name = str(path.relative_to(config_folder)) if path.is_relative_to(config_folder) else str(path)
    content = _read_text(path, name, key)
    if isinstance(content, Finding):
        return LineList(path.parent, findings=(content,))
    parsed = list(parse_line_list(content, name))
    if not parsed:
        has_comments = bool(content.strip())
        message = (
            f"the line list {name} holds comments only: as in Loghi, a line that begins with # is one"
            if has_comments
            else f"the line list {name} holds no lines"
        )
        hint = "Where # begins the name of a folder, write `./#...`." if has_comments else _A_LIST
        return LineList(path.parent, findings=(Finding(Severity.ERROR, "data.empty_list", message, key, hint),))
    return LineList(
        folder=path.parent,
        samples=tuple(line for line in parsed if isinstance(line, LineSample)),
        skipped=tuple(line for line in parsed if isinstance(line, SkippedLine)),
        trimmed=sum(map(_has_blanks_around, content.split("\n"))),
    )


def read_image_list(path: Path, root: Path | None = None) -> ImageLines:
    """The images of a line list: the first field of each line; texts are not looked at.

    Args:
        root: where image paths begin, if not at the list's own folder.

    Raises:
        DataError: the list cannot be read, or names no image.
    """
    content = _read_text(path, str(path), str(path))
    if isinstance(content, Finding):
        raise DataError(content.code, content.message, where=content.where, hint=content.hint)
    rows = enumerate(content.removeprefix("\ufeff").split("\n"), start=1)
    named = [(f"{path}:{number}", row.split("\t")[0].strip()) for number, row in rows]
    hint = "Paths in a list begin at the list's own folder; --root names another."
    return _found([row for row in named if row[1] and row[1][0] != "#"], path, path.parent, ImageFinder(root), hint)


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
    lines: list[GroundTruthLine] = []
    failed: dict[str, str] = {}
    for where, name in named:
        found = finder.find(LineSample(name, "?", 1.0, where), begin)
        if isinstance(found, GroundTruthLine):
            lines.append(found)
        else:
            detail = f" ({found.detail})" if found.detail else ""
            failed[name] = f"{SKIP_SENTENCES[found.reason]}{detail}"
    if not lines:
        first = next((f": {name}: {why}" for name, why in failed.items()), "")
        raise DataError("recognize.no_images", f"there is no line image to read{first}", where=str(source), hint=hint)
    height_px = median(line.height_px for line in lines)
    if height_px > _PAGE_HEIGHT_PX:
        raise DataError(
            "recognize.pages_without_lines",
            f"these images are {height_px:.0f} pixels high, whole pages it seems, and no XML tells their lines",
            where=str(source),
            hint="Mark the lines first (with Laypa, eScriptorium, Transkribus); the PAGE XML goes beside the images.",
        )
    return ImageLines(tuple(lines), failed)


def _read_text(path: Path, name: str, key: str) -> str | Finding:
    """What a list holds, its line endings made one, or why it cannot be read; `key` is where it is named."""
    try:
        content = read_plain(path)
    except FileNotFoundError:
        message = f"the line list {name} does not exist"
        return Finding(Severity.ERROR, "data.missing_list", message, key, _did_you_mean(path))
    except IsADirectoryError:
        hint = (
            f"It holds texts of single images (*{_TEXT_OF_ONE}): make one list of them. {_A_LIST}"
            if next(path.glob(f"*{_TEXT_OF_ONE}"), None)
            else f"Name a line list (a text file) in it{_lists_in(path)}."
        )
        return Finding(Severity.ERROR, "data.list_is_folder", f"{name} is a folder, not a line list", key, hint)
    except OSError as error:
        return _unreadable(name, key, error.strerror or str(error))
    try:
        # Loghi takes each of the three line endings
        return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        if b"\0" in content:
            return _unreadable(name, key, "it is not a text file, or not UTF-8")
        line = content[: error.start].count(b"\n") + 1
        message = f"line {line} of {name} is not UTF-8 text"
        hint = "Save the list again with the encoding UTF-8 (`iconv -f latin1 -t utf-8` for many older files)."
        return Finding(Severity.ERROR, "data.list_not_utf8", message, f"{name}:{line}", hint)


def _unreadable(name: str, key: str, reason: str) -> Finding:
    hint = "Name a line list: a text file in UTF-8 that you may read."
    return Finding(Severity.ERROR, "data.unreadable_list", f"the line list {name} cannot be read: {reason}", key, hint)


def _did_you_mean(path: Path) -> str:
    if not is_folder(path.parent):
        return f"There is no folder {path.parent} either; relative paths begin at the config's folder."
    readable = os.access(path.parent, os.R_OK)
    names = sorted(entry.name for entry in path.parent.iterdir()) if readable else []
    if close := difflib.get_close_matches(path.name, names, 1):
        return f"Did you mean {path.with_name(close[0])}?"
    return "Correct the path; it is relative to the config's folder."


def _lists_in(folder: Path) -> str:
    names = sorted(entry.name for entry in folder.glob("*.txt"))
    return f", such as {folder / names[0]}" if names else ""


def _has_blanks_around(raw: str) -> bool:
    # the reader has already cut blanks at the line's end, so this looks at the raw line
    if "\t" not in raw or raw.lstrip("\ufeff \t").startswith("#"):
        return False
    text = raw.rstrip("\r").split("\t")[-1]
    return bool(text.strip()) and text != text.strip()
