"""A page's folder of line images and its record page.json: what it was made from, and what we wrote into it."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_contract.files import read_plain
from loghi_contract.records import RecordError, from_json, parse_json, to_json
from loghi_runner.files import as_utf8

RECORD_FILE = "page.json"


@dataclass(frozen=True)
class CutLineFile:
    """A line image; its text lies beside it, as `.txt`. `way` is how it was cut, where not as asked."""

    id: str
    file: str
    width_px: int
    height_px: int
    way: str | None = None


@dataclass(frozen=True)
class UncutLine:
    id: str
    detail: str


@dataclass(frozen=True)
class PageRecord:
    """page.json; `made_from` changes when the page, its texts or the way of cutting do.

    `cut` is the way; None in folders of versions that did not say.
    """

    made_from: str
    lines: tuple[CutLineFile, ...]
    not_cut: tuple[UncutLine, ...]
    cut: Cut | None = None

    @property
    def files(self) -> set[str]:
        """All files of the folder that are ours, the record itself left out."""
        images = {line.file for line in self.lines}
        return images | {text_file(image) for image in images}


class ForeignFolder(Exception):
    """A folder is in the way that loghi-runner did not make; nothing in it is touched."""


def cut_in(folder: Path) -> Cut | None:
    """How the line images of a folder were cut, where it is one of ours that says so."""
    try:
        return _record_in(folder).cut
    except (OSError, RecordError):
        return None


def text_file(image: str) -> str:
    """The name of the file with an image's text."""
    return image.removesuffix(".png") + ".txt"


def read_record(folder: Path) -> PageRecord | None:
    """The folder's record, if it is whole and all its files are there.

    Raises:
        ForeignFolder: there is a folder with files, but none of ours.
    """
    try:
        record = _record_in(folder)
    except FileNotFoundError:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ForeignFolder(
                f"{folder} is there already and was not made by loghi-runner; nothing in it was touched"
            ) from None
        return None
    except RecordError:
        return None
    present = {entry.name for entry in os.scandir(folder)}
    return record if record.files <= present else None


def install(made: Path, record: PageRecord, folder: Path) -> None:
    """Put a freshly made folder in place of what we made there earlier; files of others in it stay."""
    (made / RECORD_FILE).write_bytes(as_utf8(json.dumps(to_json(record), ensure_ascii=False, indent=1) + "\n"))
    try:
        made.replace(folder)
    except OSError:
        # file by file, all by renaming: that takes no space, which may have run out
        earlier = _files_of(folder)
        names = sorted(record.files)
        if folder.exists():
            # there is an earlier one: the record last, so that a stop in between is seen
            names.append(RECORD_FILE)
        else:
            # a file system that renames no folders: the record first, as a folder without one is not ours
            folder.mkdir(0o755)
            names.insert(0, RECORD_FILE)
        for name in names:
            (made / name).replace(folder / name)
        remove(folder, sorted(earlier - record.files))
        shutil.rmtree(made)


def remove(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


def _record_in(folder: Path) -> PageRecord:
    """Raises OSError or RecordError."""
    return from_json(PageRecord, parse_json(read_plain(folder / RECORD_FILE)))


def _files_of(folder: Path) -> set[str]:
    try:
        record = _record_in(folder)
    except (OSError, RecordError):
        return set()
    # only names, never paths: the record may have been edited
    return {name for name in record.files if name == Path(name).name}
