"""Where a run's base model and line images are now: moved since, or elsewhere on this machine."""

from collections.abc import Sequence
from pathlib import Path

from loghi_runner.engines.base import Mount
from loghi_runner.engines.mounts import DataFolders, home_folders, is_too_wide, run_mounts
from loghi_runner.errors import DataError, UsageError
from loghi_runner.files import is_folder, plain_path, real_path
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
        UsageError: a pair is none or names nothing of the run, the record names no base model, or a folder is too wide
            to be shown to the trainer.
    """
    moves = [_pair(pair) for pair in moved]
    _require_used(moves, record)
    base = None
    if record.base_model_sha256 is not None:
        place, named = record.base_model_folder, dict(moves).get(_BASE_MODEL)
        if place is None and named is None:
            message = "run.json does not say where the base model is: the run was made by an earlier version"
            hint = f"Say it: --moved {_BASE_MODEL}=DIR; whether it is the same is seen by its hash."
            raise UsageError("run.no_base_model", message, where=str(folder.record_file), hint=hint)
        base = _found("the base model is", place or "", moves, named)
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
        message = f"--moved {pair} is not OLD=NEW, with OLD a whole path"
        hint = f"Write for example --moved /data/images=/mnt/images, or --moved {_BASE_MODEL}=DIR."
        raise UsageError("run.moved", message, hint=hint)
    return old.rstrip("/"), str(plain_path(Path(new)))


def _is_in(place: str, old: str) -> bool:
    return place == old or place.startswith(old + "/")


def _require_used(moves: Sequence[tuple[str, str]], record: RunRecord) -> None:
    """Refuse a pair that changes nothing: most often its OLD is mistyped."""
    base = record.base_model_folder if record.base_model_sha256 is not None else None
    places = [*record.data_folders, *([base] if base else [])]
    for old, new in moves:
        is_base = old == _BASE_MODEL and record.base_model_sha256 is not None
        if is_base or any(_is_in(place, old) for place in places):
            continue
        told = [f"its base model was in {base}"] if base else []
        told += [f"its line images were in {', '.join(record.data_folders)}"] if record.data_folders else []
        hint = f"Write one of these folders, or one above it, before the =: {'; '.join(told)}."
        raise UsageError("run.moved", f"--moved {old}={new} names nothing that the run was made of", hint=hint)


def _found(what: str, place: str, moves: Sequence[tuple[str, str]], named: str | None = None) -> Path:
    now = named or next((new + place[len(old) :] for old, new in moves if _is_in(place, old)), place)
    if is_folder(Path(now)):
        return real_path(Path(now))
    if now != place:
        message, hint = f"{what} not in {now} either, as --moved says", "Write the folder where it is now."
    else:
        message, hint = f"{what} not in {now} any more", f"If it lies elsewhere now, say where: --moved {now}=NEW_PLACE"
    raise DataError("run.gone", message, where=now, hint=hint)
