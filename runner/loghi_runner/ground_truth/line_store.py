"""Where line images cut from pages are kept: below the output folder, one folder a page, never changed once written.

Runs share them: the same page, cut and read in the same way, is cut once.
"""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_contract import __version__
from loghi_contract.cut import Cut
from loghi_contract.records import to_json
from loghi_runner.config.schema import SplitConfig
from loghi_runner.cutting.cut import CHANNELS
from loghi_runner.files import is_folder, is_there, real_path
from loghi_runner.ground_truth.survey import SurveyedPage
from loghi_runner.locks import Locked, NoLocks, locked
from loghi_runner.pages.texts import TextOptions

#: Below the output folder; begins with a dot, so that nobody takes it for a run.
STORE_FOLDER = ".prepared"

#: Held by whoever cuts lines until its run.json names them; `clean` removes nothing meanwhile.
_IN_USE_FILE = "in-use"
#: A page's folder that is still being made, by an earlier version too, has a name with a dot and is not old.
_HALF_MADE_S = 24 * 3600.0


@dataclass(frozen=True)
class LineStore:
    """The line images of all runs of one output folder, for one way to cut and to read texts."""

    output: Path
    cut: Cut
    text: TextOptions

    @property
    def lines(self) -> Path:
        """The real folder that holds the pages' folders; the only part that a trainer sees."""
        return real_path(self.output) / STORE_FOLDER / "lines"

    def page_folder(self, page: SurveyedPage) -> Path:
        """The folder of one page; another page, way or version has another folder."""
        made_from = [page.sha256, self.cut.value, CHANNELS, to_json(self.text), __version__]
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
