"""Where line images cut from pages are kept: below the output folder, one folder a page, never changed once written.

Runs share them: the same page, cut and read in the same way, is cut once.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_contract import __version__
from loghi_contract.cut import Cut
from loghi_contract.records import to_json
from loghi_runner.config.schema import SplitConfig
from loghi_runner.cutting.cut import CHANNELS
from loghi_runner.files import is_folder, real_path
from loghi_runner.pages.texts import TextOptions
from loghi_runner.prepare.survey import SurveyedPage

#: Below the output folder; begins with a dot, so that nobody takes it for a run.
STORE_FOLDER = ".prepared"


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


def unused_lines(output: Path, named: set[str]) -> list[Path]:
    """Folders of line images below an output folder that no run names."""
    lines = output / STORE_FOLDER / "lines"
    if not is_folder(lines):
        return []
    return sorted(folder for folder in lines.iterdir() if folder.name not in named and is_folder(folder))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
