"""Line images cut from pages, on disk: a folder a page, with a record of what it was made from and what we wrote.

Those of runs lie below the output folder and are never changed once written. Runs share them: the same page, cut and
read in the same way, is cut once.
"""

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_contract import __version__
from loghi_contract.cut import Cut
from loghi_contract.files import read_plain
from loghi_contract.records import RecordError, from_json, parse_json, to_json
from loghi_runner.config.schema import SplitConfig
from loghi_runner.cutting.cut import CHANNELS
from loghi_runner.files import as_utf8, is_folder, is_there, real_path
from loghi_runner.ground_truth.survey import SurveyedPage
from loghi_runner.locks import Locked, NoLocks, locked
from loghi_runner.pages.texts import TextOptions

#: Below the output folder; begins with a dot, so that nobody takes it for a run.
STORE_FOLDER = ".prepared"

#: A page's record, in the folder of its line images.
RECORD_FILE = "page.json"

#: Held by whoever cuts lines until its run.json names them; `clean` removes nothing meanwhile.
_IN_USE_FILE = "in-use"
#: A page's folder that is still being made, by an earlier version too, has a name with a dot and is not old.
_HALF_MADE_S = 24 * 3600.0


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


@dataclass(frozen=True)
class LineStore:
    """The line images of all runs of one output folder, for one way to cut and to read texts.

    With `every_line` those that are only to be read: they have no texts.
    """

    output: Path
    cut: Cut
    text: TextOptions
    every_line: bool = False

    @property
    def lines(self) -> Path:
        """The real folder that holds the pages' folders; the only part that a trainer sees."""
        return real_path(self.output) / STORE_FOLDER / "lines"

    def page_folder(self, page: SurveyedPage) -> Path:
        """The folder of one page; another page, way or version has another folder."""
        made_from = [page.sha256, self.cut.value, CHANNELS, to_json(self.text), __version__]
        made_from += ["every line"] if self.every_line else []
        return self.lines / f"{page.file.name}-{_digest(made_from)}"

    def split_file(self, folders: Sequence[Path], split: SplitConfig) -> Path:
        """The split of these page folders, kept from run to run so that the test pages stay untouched."""
        made_from = [sorted(str(real_path(folder)) for folder in folders), split.model_dump(mode="json")]
        return self.lines.parent / f"split-{_digest(made_from)}.tsv"


@contextlib.contextmanager
def lines_in_use(output: Path) -> Iterator[None]:
    """Keep the line images of an output folder from being removed, until a run.json names those that are needed."""
    with contextlib.ExitStack() as held:
        # what cannot be written is told by whoever cuts; where there are no locks, `clean` removes nothing
        with contextlib.suppress(OSError, NoLocks):
            held.enter_context(locked(_in_use_file(output), shared=True))
        yield


def unused_lines(output: Path, named: set[str]) -> list[Path]:
    """Folders of line images below an output folder that no run names."""
    lines = output / STORE_FOLDER / "lines"
    if not is_folder(lines):
        return []
    return sorted(
        folder
        for folder in lines.iterdir()
        if folder.name not in named and is_folder(folder) and not _is_being_made(folder)
    )


def remove_lines(output: Path, unused: Callable[[], set[Path]]) -> tuple[list[Path], str | None]:
    """Remove folders of line images; what was removed, and why something is left.

    Args:
        unused: asked once no run can begin to need others.
    """
    try:
        with locked(_in_use_file(output)):
            removed = []
            for folder in sorted(unused()):
                shutil.rmtree(folder)
                removed.append(folder)
            return removed, None
    except Locked:
        return [], "a run is being started in this folder and may need them; try again when it trains"
    except NoLocks:
        return [], "the file system knows no locks, so a run that is being started could lose the images it needs"
    except OSError as error:
        return [], f"{error.filename or output} cannot be removed: {error.strerror or error}"


def cut_in(folder: Path) -> Cut | None:
    """How the line images of a folder were cut, where it is one of ours that says so."""
    record = _any_record(folder)
    return record.cut if record is not None else None


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
        earlier, names = _any_record(folder), sorted(record.files)
        if folder.exists():
            # there is an earlier one: the record last, so that a stop in between is seen
            names.append(RECORD_FILE)
        else:
            # a file system that renames no folders: the record first, as a folder without one is not ours
            folder.mkdir(0o755)
            names.insert(0, RECORD_FILE)
        for name in names:
            (made / name).replace(folder / name)
        for name in sorted(earlier.files - record.files if earlier is not None else ()):
            if name == Path(name).name:  # never a path: the record may have been edited
                (folder / name).unlink(missing_ok=True)
        shutil.rmtree(made)


def _in_use_file(output: Path) -> Path:
    """Raises OSError."""
    file = output / STORE_FOLDER / _IN_USE_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    if not is_there(file):
        with contextlib.suppress(FileExistsError):
            file.open("xb").close()  # never through a link, as `touch` would
    return file


def _is_being_made(folder: Path) -> bool:
    try:
        return folder.name.startswith(".") and time.time() - folder.stat().st_mtime < _HALF_MADE_S
    except OSError:
        return False


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def _record_in(folder: Path) -> PageRecord:
    """Raises OSError or RecordError."""
    return from_json(PageRecord, parse_json(read_plain(folder / RECORD_FILE)))


def _any_record(folder: Path) -> PageRecord | None:
    try:
        return _record_in(folder)
    except (OSError, RecordError):
        return None
