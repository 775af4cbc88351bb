"""Where a run's base model and line images are now: moved since, or elsewhere on this machine."""

from collections.abc import Sequence
from pathlib import Path

from loghi_runner.engines.base import Mount
from loghi_runner.engines.mounts import DataFolders, home_folders, is_too_wide, run_mounts
from loghi_runner.errors import DataError, UsageError
from loghi_runner.files import is_folder, real_path
from loghi_runner.ground_truth.line_store import STORE_FOLDER
from loghi_runner.runs.folder import RunFolder, RunRecord

#: In place of OLD: the base model, wherever it was.
_BASE_MODEL = "base_model"


def mounts_of(folder: RunFolder, record: RunRecord, moved: Sequence[str], run_dir: Path) -> tuple[Mount, ...]:
    """What the run's trainer saw, where it is now, for a run in `run_dir`.

    Args:
        moved: pairs OLD=NEW of places that are elsewhere now.

    Raises:
        DataError: something is not there.
        UsageError: a pair is none, the record names no base model, or a folder is too wide to be shown to the trainer.
    """
    moves = [_pair(pair) for pair in moved]
    base = None
    if record.base_model_sha256 is not None:
        place = dict(moves).get(_BASE_MODEL) or record.base_model_folder
        if place is None:
            message = "run.json does not say where the base model is: the run was made by an earlier version"
            hint = f"Say it: --moved {_BASE_MODEL}=DIR; whether it is the same is seen by its hash."
            raise UsageError("run.no_base_model", message, where=str(folder.record_file), hint=hint)
        base = _found("the base model is", place, moves)
    data = tuple(
        _found("the line images of the run are", _cut_beside(folder, record, place), moves)
        for place in record.data_folders
    )
    for shown in (*data, *([base] if base else [])):
        if is_too_wide(shown, home_folders()):
            message = f"{shown} is no folder to show to a trainer: it would see everything in there"
            hint = "Move what the run needs to a folder of its own, and say so: --moved OLD=NEW."
            raise UsageError("run.folder_too_wide", message, where=str(folder.record_file), hint=hint)
    return run_mounts(DataFolders(data, ()), base, real_path(run_dir))


def _cut_beside(folder: RunFolder, record: RunRecord, place: str) -> str:
    """Lines that were cut for the run lie in its output folder, also where all of that was moved."""
    store = real_path(folder.path.parent) / STORE_FOLDER / "lines"
    is_cut = bool(record.prepared) and Path(place).parts[-2:] == store.parts[-2:]
    return str(store) if is_cut and is_folder(store) else place


def _pair(pair: str) -> tuple[str, str]:
    old, equals, new = pair.partition("=")
    if not (equals and (old.startswith("/") or old == _BASE_MODEL) and new):
        hint = "Write for example --moved /data/images=/mnt/images"
        raise UsageError("run.moved", f"--moved {pair} is not OLD=NEW with whole paths", hint=hint)
    return old.rstrip("/"), str(Path(new).absolute())


def _found(what: str, place: str, moves: Sequence[tuple[str, str]]) -> Path:
    for old, new in moves:
        if place == old or place.startswith(old + "/"):
            place = new + place[len(old) :]
            break
    if not is_folder(Path(place)):
        hint = f"If it lies elsewhere now, say where: --moved {place}=NEW_PLACE"
        raise DataError("run.gone", f"{what} not in {place} any more", where=place, hint=hint)
    return real_path(Path(place))
