"""What runs leave behind besides their results: half made folders, half-written files, what an engine kept."""

import os
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

from loghi_contract.places import REPORT_DIR
from loghi_runner.engines import load_engine
from loghi_runner.files import is_file, is_folder, is_there
from loghi_runner.locks import Locked, NoLocks, locked
from loghi_runner.runs.folder import HALF_MADE_PREFIX, RECORD_FILE, RunFolder, cannot_write_run, is_run_id
from loghi_runner.runs.look import Look
from loghi_runner.runs.owner import is_ours

#: Between making a folder and locking it nothing says that it is held.
_JUST_MADE_S = 60.0

#: Written whole or not at all, so that half of one stands beside it, as `.NAME.something` or `.something.new`.
_WRITTEN_WHOLE = (RECORD_FILE, "report.html", "report.json", "validation.csv", "test.csv")
_HALF = re.compile(rf"\.(({'|'.join(map(re.escape, _WRITTEN_WHOLE))})\.\w+|[0-9a-f]{{16}}\.new)")


def clean_run(look: Look, *, really: bool) -> list[str]:
    """What an ended run keeps besides its results; removed only `really`. Models and records are never touched.

    Raises:
        EngineError: what its record names cannot be reached, or is not its own; or the folder cannot be changed.
    """
    folder, record = look.folder, look.record
    if not record.state.is_over or look.remark is not None or not is_ours(folder):
        return []
    kept = []
    if record.kept and record.handle is not None and (left := load_engine(record.engine).kept(record.handle)):
        kept.append(left)
    if folder.places.is_dir():
        kept.append(f"{folder.places.name}/ (links to the run's data)")
    half_written = _half_written(folder)
    kept += [f"{path.relative_to(folder.path)} (half-written)" for path in half_written]
    if kept and really:
        engine = load_engine(record.engine)
        handle = engine.find(record.run_id, folder.path, record.handle)
        if handle is not None:
            engine.clean_up(handle, folder.console_log, keep=False)
        try:
            for path in half_written:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            shutil.rmtree(folder.places, ignore_errors=True)
            folder.write(replace(record, kept=False))
        except OSError as error:
            raise cannot_write_run(error, folder.path) from error
    return kept


def never_started(output: Path) -> list[Path]:
    """The folders of an output folder that are no runs yet, and never will be. Raises OSError."""
    return [
        path
        for path in sorted(output.iterdir())
        if is_folder(path) and not path.is_symlink() and was_never_started(path)
    ]


def was_never_started(path: Path) -> bool:
    """Whether a folder is all that a `finetune` left that was killed before its run was whole."""
    folder = RunFolder(path)
    if not os.access(path, os.R_OK | os.X_OK) or not is_ours(folder):
        return False
    if is_run_id(path.name):
        # made by an earlier version, which gave the name first
        return not any(map(is_there, (folder.record_file, folder.events_file, folder.best_val.parent)))
    return is_run_id(path.name.removeprefix(HALF_MADE_PREFIX)) and not _is_held(path)


def _is_held(path: Path) -> bool:
    """Whether somebody still makes the folder, as far as that can be known."""
    try:
        if time.time() - path.stat().st_mtime < _JUST_MADE_S:
            return True
        with locked(path):
            return False
    except (Locked, NoLocks, OSError):
        return True


def _half_written(folder: RunFolder) -> list[Path]:
    """Files, and the folder a model is written in, that a program left which was killed while it wrote them."""
    found = [folder.saving] if is_folder(folder.saving) else []
    # of trainers that wrote the next model into best_val itself
    found += _hidden(folder.best_val)
    for place in (folder.path, folder.out / REPORT_DIR):
        found += [path for path in _hidden(place) if _HALF.fullmatch(path.name)]
    return found


def _hidden(place: Path) -> list[Path]:
    return sorted(path for path in place.glob(".*") if is_file(path))
