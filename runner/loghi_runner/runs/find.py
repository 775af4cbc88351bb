"""The runs of an output folder: found by name or listed, and what ended ones left behind besides their results."""

import os
import re
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_runner.config.choices import DEFAULT_OUTPUT
from loghi_runner.engines import load_engine
from loghi_runner.errors import UsageError
from loghi_runner.files import is_file, is_folder, is_there, plain_path
from loghi_runner.locks import Locked, NoLocks, locked
from loghi_runner.runs.folder import (
    HALF_MADE_PREFIX,
    RECORD_FILE,
    RunFolder,
    RunState,
    cannot_write_run,
    is_ours,
    is_run_id,
)
from loghi_runner.runs.look import Look, look_at
from loghi_runner.wording import typed

LAST = "last"

#: Between making a folder and locking it nothing says that it is held.
_JUST_MADE_S = 60.0

#: Written whole or not at all, so that half of one stands beside it, as `.NAME.something` or `.something.new`.
_WRITTEN_WHOLE = (RECORD_FILE, "report.html", "report.json", "validation.csv", "test.csv")
_HALF = re.compile(rf"\.(({'|'.join(map(re.escape, _WRITTEN_WHOLE))})\.\w+|[0-9a-f]{{16}}\.new)")


@dataclass(frozen=True)
class Unreadable:
    """A folder that is a run, or may be one, and cannot be read."""

    folder: RunFolder
    why: str


def list_runs(output: Path) -> list[RunFolder]:
    """The runs of an output folder, the oldest first."""
    if not is_folder(output):
        raise UsageError(
            "run.no_output", f"there is no folder {output}", hint="Name the folder that the config calls `output`."
        )
    try:
        found = [RunFolder(path) for path in output.iterdir()]
    except OSError as error:
        message = f"the folder {output} cannot be looked into: {error.strerror}"
        raise UsageError("run.closed_output", message, hint="Ask its owner for permission.") from error
    runs = (folder for folder in found if not folder.path.name.startswith(".") and is_file(folder.record_file))
    return sorted(runs, key=lambda folder: folder.path.name)


def find_run(name: str, output: Path = DEFAULT_OUTPUT) -> RunFolder:
    """The run of a path, an id, the beginning of an id, or `last`.

    Raises:
        UsageError: there is none, or more than one.
    """
    path = Path(name)
    if name != LAST and is_file(path / RECORD_FILE):
        return RunFolder(plain_path(path))
    runs = list_runs(output) if is_folder(output) else []
    matching = runs[-1:] if name == LAST else [run for run in runs if name and run.path.name.startswith(name)]
    if len(matching) == 1:
        return RunFolder(plain_path(matching[0].path))
    if matching:
        message = f"{len(matching)} runs begin with {name}: {', '.join(run.path.name for run in matching[:5])}"
        raise UsageError("run.ambiguous", message, where=str(output), hint="Write more of the id.")
    if name and name != LAST and is_folder(path):
        others = list_runs(path)
        message = f"{name} is no run: it has no {RECORD_FILE}"
        hint = "Give the folder of a run; `loghi-runner runs DIR` lists those of an output folder."
        hint = f"It holds runs: name one of them, such as {typed(others[-1].path)}." if others else hint
        raise UsageError("run.not_a_run", message, hint=hint)
    message = f"there is no run {name} in {output}" if name != LAST else f"there are no runs in {output}"
    hint = "Give the run folder's path, or name its output folder with --output. `loghi-runner runs DIR` lists runs."
    raise UsageError("run.unknown", message, hint=hint)


def look_at_all(output: Path, *, with_progress: bool = False) -> tuple[list[Look], list[Unreadable]]:
    """The runs of an output folder that can be read, the oldest first, and the folders that cannot.

    Args:
        with_progress: have the events of those read that are not concluded, too: who cannot tell them is unreadable.

    Raises:
        UsageError: there is no such folder, or it is closed.
    """
    runs = list_runs(output)
    looks, broken = [], []
    for folder in runs:
        try:
            look = look_at(folder)
            if with_progress and not look.is_concluded:
                _ = look.progress
        except UsageError:
            broken.append(Unreadable(folder, f"its {RECORD_FILE} is damaged"))
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one run, the others are shown
            broken.append(Unreadable(folder, f"{type(error).__name__}: {error}"))
        else:
            looks.append(look)
    return looks, [*_without_record(output, {folder.path.name for folder in runs}), *broken]


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
    # an interrupted run is resumed from its checkpoints; of a finished one nobody needs them but to train it longer
    checkpoints = sorted(folder.last.glob("*")) if record.state is RunState.FINISHED else []
    if checkpoints:
        size = sum(path.stat().st_size for path in checkpoints)
        kept.append(f"{folder.last.relative_to(folder.path)} (to train it longer with `resume`, {size / 1e6:.0f} MB)")
    if kept and really:
        engine = load_engine(record.engine)
        handle = engine.find(record.run_id, folder.path, record.handle)
        if handle is not None:
            engine.clean_up(handle, folder.console_log, keep=False)
        try:
            for path in half_written:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            if checkpoints:
                shutil.rmtree(folder.last)
            shutil.rmtree(folder.places, ignore_errors=True)
            folder.write(replace(record, kept=False))
        except OSError as error:
            raise cannot_write_run(error, folder.path) from error
    return kept


def _without_record(output: Path, runs: set[str]) -> list[Unreadable]:
    """Folders besides these that are runs, or may be, and have no record that can be seen."""
    return [
        Unreadable(RunFolder(path), why)
        for path in sorted(path for path in output.iterdir() if path.name not in runs)
        if not path.name.startswith(".") and is_folder(path) and (why := _why_without_record(path))
    ]


def _why_without_record(path: Path) -> str | None:
    if not os.access(path, os.R_OK | os.X_OK):
        return "it is closed to this account"
    if is_there(path / RECORD_FILE):
        return None if (path / RECORD_FILE).is_file() else f"its {RECORD_FILE} is no file"
    if not is_run_id(path.name):
        return None
    return "never started; `loghi-runner clean` removes it" if was_never_started(path) else f"it has no {RECORD_FILE}"


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
    for place in (folder.path, folder.report_dir):
        found += [path for path in _hidden(place) if _HALF.fullmatch(path.name)]
    return found


def _hidden(place: Path) -> list[Path]:
    return sorted(path for path in place.glob(".*") if is_file(path))
