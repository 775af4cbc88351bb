"""A copy of best_val for Loghi, proven to be the same byte for byte."""

import hashlib
import os
import shutil
from pathlib import Path

from loghi_contract.model_folder import MODEL_FILE
from loghi_runner.errors import DataError, EngineError, UsageError
from loghi_runner.files import is_file, is_there, real_path
from loghi_runner.rundir import RunFolder


def export_model(folder: RunFolder, target: Path) -> Path:
    """Copy the run's best_val to `target`, which must not exist or be empty; all of it is there, or nothing.

    Raises:
        DataError: the run has no best_val.
        UsageError: the target is taken.
        EngineError: the disk does not take it.
    """
    source, target = folder.best_val, real_path(target)
    if not is_file(source / MODEL_FILE):
        raise DataError(
            "export.no_model",
            "this run has no best_val: it ended before a model was saved",
            where=str(folder.path),
            hint="`loghi-runner show RUN` says why.",
        )
    if _is_taken(target):
        raise UsageError(
            "export.target_taken",
            f"{target} exists and is not an empty folder; nothing was copied",
            hint="Name a folder that does not exist yet.",
        )
    if target.is_relative_to(real_path(folder.path)):
        raise UsageError(
            "export.into_run", f"{target} lies inside the run itself", hint="Name a folder outside the run folder."
        )
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
        for path in source.iterdir():
            shutil.copyfile(path, beside / path.name)
        changed = [path.name for path in source.iterdir() if _digest(path) != _digest(beside / path.name)]
        if changed:
            raise EngineError(
                "export.not_the_same",
                f"the copy of {changed[0]} is not the same as the original",
                where=str(target.parent),
                hint="Was the run still saving? Then try again. If not, the disk has a fault.",
            )
        beside.replace(target)
    except OSError as error:
        raise EngineError(
            "export.cannot_write",
            f"the model cannot be copied: {error.strerror or error}",
            where=str(target),
            hint="Name a folder where you may write and where there is space.",
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return target


def _is_taken(target: Path) -> bool:
    """Whether something is there that an export would have to replace."""
    try:
        return is_there(target) and any(target.iterdir())
    except OSError:
        return True  # a file, or a folder that may not be looked into


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
