"""Folders of an output folder that are no run that can be read: half made, never started, damaged or closed."""

import os
import re
import time
from pathlib import Path

from loghi_runner.files import is_folder, is_there
from loghi_runner.locks import Locked, NoLocks, locked
from loghi_runner.runs.owner import is_ours
from loghi_runner.runs.rundir import HALF_MADE_PREFIX, RECORD_FILE, RunFolder
from loghi_runner.runs.runs import Unreadable

#: Between making a folder and locking it nothing says that it is held.
_JUST_MADE_S = 60.0

_RUN_ID = re.compile(r"\d{8}-\d{6}-[a-z2-7]{4}")


def without_record(output: Path) -> list[Unreadable]:
    """Folders that are runs, or may be, and have no record that can be seen. Raises OSError."""
    return [
        Unreadable(RunFolder(path), why)
        for path in sorted(output.iterdir())
        if not path.name.startswith(".") and is_folder(path) and (why := _why_without_record(path)) is not None
    ]


def never_started(output: Path) -> list[Path]:
    """What a `finetune` left that was killed before its run was whole. Raises OSError."""
    return [path for path in sorted(output.iterdir()) if is_folder(path) and not path.is_symlink() and _is_left(path)]


def _why_without_record(path: Path) -> str | None:
    if not os.access(path, os.R_OK | os.X_OK):
        return "it is closed to this account"
    if is_there(path / RECORD_FILE):
        return None if (path / RECORD_FILE).is_file() else f"its {RECORD_FILE} is no file"
    if not _RUN_ID.fullmatch(path.name):
        return None
    return "never started; `loghi-runner clean` removes it" if _is_left(path) else f"it has no {RECORD_FILE}"


def _is_left(path: Path) -> bool:
    folder = RunFolder(path)
    if not os.access(path, os.R_OK | os.X_OK) or not is_ours(folder):
        return False
    if _RUN_ID.fullmatch(path.name):
        # made by an earlier version, which gave the name first
        return not any(map(is_there, (folder.record_file, folder.events_file, folder.best_val.parent)))
    return _RUN_ID.fullmatch(path.name.removeprefix(HALF_MADE_PREFIX)) is not None and not _is_held(path)


def _is_held(path: Path) -> bool:
    """Whether somebody still makes the folder, as far as that can be known."""
    try:
        if time.time() - path.stat().st_mtime < _JUST_MADE_S:
            return True
        with locked(path):
            return False
    except (Locked, NoLocks, OSError):
        return True
