"""The output folder: whether runs can be written there, stay there, and fit."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from loghi_runner.engines.mounts import DataFolders, is_too_wide
from loghi_runner.files import is_file, is_folder, is_there, real_path
from loghi_runner.findings import Finding, Severity

MEGABYTE = 1_000_000
#: best_val and its replacement; and two checkpoints and a third being written, each with the best model, the network
#: and the optimizer's two numbers for each of its weights.
MODEL_COPIES = 2 + 3 * 4
RESERVE_BYTES = 200 * MEGABYTE


def check_output(
    output: Path, data: DataFolders, base_model: Path | None, homes: Sequence[Path], pages: Sequence[Path] = ()
) -> Iterator[Finding]:
    """Whether runs can be written, and lie where they neither mix with the data nor vanish.

    Args:
        pages: the folders with the user's pages, if lines are cut from pages.
    """
    existing = _nearest_existing(output)
    if not is_folder(existing):
        what = "a link that leads nowhere" if existing.is_symlink() and not is_file(existing) else "a file"
        message = f"{existing} is {what}, so no runs can be written below it"
        yield Finding(Severity.ERROR, "output.not_a_folder", message, "output", "Name a folder.")
    elif not os.access(existing, os.W_OK | os.X_OK):
        message = f"you may not write in {existing}"
        hint = "Name a folder of your own, or ask for permission."
        yield Finding(Severity.ERROR, "output.not_writable", message, "output", hint)
    real = real_path(output)
    for folder in data.folders:
        if folder == data.made:
            continue
        if real.is_relative_to(folder):
            message = f"the output {output} lies in {folder}, where the line images are"
            hint = f"Name a folder outside the data, such as {folder.parent / 'runs'}."
            yield Finding(Severity.ERROR, "output.in_data", message, "output", hint)
        elif folder.is_relative_to(real):
            message = f"the line images in {folder} lie in the output {output}"
            hint = "Name an output folder that holds nothing but runs."
            yield Finding(Severity.ERROR, "output.holds_data", message, "output", hint)
    for folder in map(real_path, pages):
        if real == folder or (real.is_relative_to(folder) and not _is_hidden_in(real, folder)):
            message = f"the output {output} lies in {folder}, where the pages are"
            hint = f"Name a folder outside of it, such as {folder.parent / 'runs'}."
            yield Finding(Severity.ERROR, "output.in_data", message, "output", hint)
    if base_model is not None and real.is_relative_to(base_model):
        message = f"the output {output} lies in the base model's folder"
        yield Finding(Severity.ERROR, "output.in_base_model", message, "output", "Name a folder of its own.")
    if base_model is not None and is_too_wide(base_model, homes):
        message = f"the base model lies in {base_model} itself; the trainer would see everything in there"
        hint = "Move its files to a folder of their own."
        yield Finding(Severity.ERROR, "model.folder_too_wide", message, "base_model", hint)
    for folder in data.refused:
        message = f"line images lie directly in {folder}; the trainer would see everything in there"
        hint = "Move them to a folder of their own."
        yield Finding(Severity.ERROR, "data.folder_too_wide", message, str(folder), hint)
    yield from _temporary(output, real)


def _is_hidden_in(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _temporary(output: Path, real: Path) -> Iterator[Finding]:
    places = (Path("/tmp"), Path("/var/tmp"), Path(tempfile.gettempdir()).resolve())  # noqa: S108  # to warn of them
    if any(real.is_relative_to(place) for place in places):
        message = f"the output {output} is a temporary folder: models have been lost that way, at the next restart"
        yield Finding(Severity.WARNING, "output.temporary", message, "output", "Name a folder that is kept.")


def check_disk(output: Path, model_bytes: int) -> Iterator[Finding]:
    """Whether the run fits on the disk; `model_bytes` is 0 for a base model that cannot be used."""
    folder = _nearest_existing(output)
    if not model_bytes or not is_folder(folder):
        return  # said elsewhere
    needed, free = MODEL_COPIES * model_bytes + RESERVE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        message = f"the run needs about {needed / MEGABYTE:.0f} MB in {folder}, {free / MEGABYTE:.0f} MB are free"
        hint = "Make room, or name an output folder on another disk."
        yield Finding(Severity.ERROR, "disk.full", message, "output", hint)


def _nearest_existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if is_there(folder))
