"""What a program that was killed while it wrote left in a run folder: no result, and in the way of none."""

import re
from pathlib import Path

from loghi_contract.places import REPORT_DIR
from loghi_runner.files import is_file, is_folder
from loghi_runner.runs.rundir import RECORD_FILE, RunFolder

#: Written whole or not at all, so that half of one stands beside it, as `.NAME.something` or `.something.new`.
_WRITTEN_WHOLE = (RECORD_FILE, "report.html", "report.json", "validation.csv", "test.csv")
_HALF = re.compile(rf"\.(({'|'.join(map(re.escape, _WRITTEN_WHOLE))})\.\w+|[0-9a-f]{{16}}\.new)")


def find_half_written(folder: RunFolder) -> list[Path]:
    """Files, and the folder a model is written in, of a run that is over."""
    found = [folder.saving] if is_folder(folder.saving) else []
    # of trainers that wrote the next model into best_val itself
    found += _hidden(folder.best_val)
    for place in (folder.path, folder.out / REPORT_DIR):
        found += [path for path in _hidden(place) if _HALF.fullmatch(path.name)]
    return found


def _hidden(place: Path) -> list[Path]:
    return sorted(path for path in place.glob(".*") if is_file(path))
