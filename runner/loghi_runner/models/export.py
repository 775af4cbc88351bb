"""A model for others to use: best_val copied to a folder for Loghi, or packed into one file for kraken."""

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loghi_contract.model_file import SUFFIX
from loghi_contract.model_folder import MODEL_FILE
from loghi_runner.errors import DataError, EngineError, UsageError
from loghi_runner.files import is_file, is_there, real_path
from loghi_runner.models.which_model import NamedModel, find_model


def find_exported(name: str, output: Path) -> NamedModel:
    """What is to be exported: a run's best_val, or the model folder of this path.

    Raises:
        UsageError: there is neither.
        DataError: there is no model in it.
    """
    named = find_model(name, output)
    if is_file(named.folder / MODEL_FILE):
        return named
    if named.run is None:
        raise DataError("export.no_model", f"{named.folder} is no model folder: it has no {MODEL_FILE}")
    raise DataError(
        "export.no_model",
        "this run has no best_val: it ended before a model was saved",
        where=str(named.path),
        hint="`loghi-runner show RUN` says why.",
    )


def wants_one_file(target: Path) -> bool:
    return target.suffix.lower() == SUFFIX


def export_folder(source: NamedModel, target: Path) -> Path:
    """Copy the model to `target`, which must not exist or be empty; all of it is there, or nothing.

    Raises:
        UsageError: the target is taken.
        EngineError: the disk does not take it.
    """
    with beside(source, target) as (target, made):
        made.mkdir()
        for path in source.folder.iterdir():
            shutil.copyfile(path, made / path.name)
        changed = [path.name for path in source.folder.iterdir() if _digest(path) != _digest(made / path.name)]
        if changed:
            raise EngineError(
                "export.not_the_same",
                f"the copy of {changed[0]} is not the same as the original",
                where=str(target.parent),
                hint="Was the run still saving? Then try again. If not, the disk has a fault.",
            )
    return target


@contextmanager
def beside(source: NamedModel, target: Path) -> Iterator[tuple[Path, Path]]:
    """The real target and a place beside it; what was made there becomes the target when nothing went wrong.

    Raises:
        UsageError: the target is taken, or lies in the run.
        EngineError: the disk does not take it.
    """
    target = real_path(target)
    if _is_taken(target):
        raise UsageError(
            "export.target_taken",
            f"{target} exists and is not an empty folder; nothing was copied",
            hint="Name a place where nothing is yet.",
        )
    if target.is_relative_to(real_path(source.path)):
        raise UsageError(
            "export.into_run", f"{target} lies inside the run itself", hint="Name a place outside the run folder."
        )
    made = target.with_name(f".{secrets.token_hex(8)}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield target, made
        made.replace(target)
    except OSError as error:
        raise EngineError(
            "export.cannot_write",
            f"the model cannot be copied: {error.strerror or error}",
            where=str(target),
            hint="Name a place where you may write and where there is space.",
        ) from error
    finally:
        if is_file(made):
            made.unlink()
        shutil.rmtree(made, ignore_errors=True)


def _is_taken(target: Path) -> bool:
    """Whether something is there that an export would have to replace."""
    try:
        return is_there(target) and any(target.iterdir())
    except OSError:
        return True  # a file, or a folder that may not be looked into


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
