"""A model for others to use: best_val copied to a folder for Loghi, or packed into one file for kraken."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_contract.model_file import MARKER_FILE, SUFFIX, format_marker
from loghi_contract.model_folder import MODEL_FILE
from loghi_runner.errors import DataError, EngineError, UsageError
from loghi_runner.files import file_sha256, is_file, is_there, real_path, why_not_written
from loghi_runner.models.marker import marker_of, require_whole
from loghi_runner.models.own_pages import own_cut
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


def export_folder(source: NamedModel, target: Path, cut: Cut | None = None) -> Path:
    """Copy the model to `target`, which must not exist or be empty; all of it is there, or nothing.

    Args:
        cut: how the lines of its pages are to be cut; None for the way of the run. Where it is known, a marker says so.

    Raises:
        DataError: the model is not whole.
        UsageError: the target is taken.
        EngineError: the disk does not take it.
    """
    with beside(source, target) as (target, made):
        facts = require_whole(source)
        made.mkdir()
        # what begins with a dot is half-written, or of the file manager
        parts = sorted(source.folder.glob("[!.]*"))
        for path in parts:
            shutil.copyfile(path, made / path.name)
        changed = [path.name for path in parts if file_sha256(path) != file_sha256(made / path.name)]
        if changed:
            raise EngineError(
                "export.not_the_same",
                f"the copy of {changed[0]} is not the same as the original",
                where=str(target.parent),
                hint="Was the run still saving? Then try again. If not, the disk has a fault.",
            )
        # a model from elsewhere keeps the marker it has
        cut = cut or (own_cut(source) if source.run is not None else None)
        if cut is not None:
            marker = marker_of(source, facts, cut)
            (made / MARKER_FILE).write_text(format_marker(marker), encoding="utf-8")
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
            f"the model cannot be copied: {why_not_written(error, target)}",
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
