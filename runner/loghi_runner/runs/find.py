"""The runs of an output folder: one by its name, or all of them, with what may be one and cannot be read."""

import os
from dataclasses import dataclass
from pathlib import Path

from loghi_runner.config.choices import DEFAULT_OUTPUT
from loghi_runner.errors import UsageError
from loghi_runner.files import is_file, is_folder, is_there
from loghi_runner.runs.clean import was_never_started
from loghi_runner.runs.folder import RECORD_FILE, RunFolder, is_run_id
from loghi_runner.runs.look import Look, look_at

LAST = "last"


@dataclass(frozen=True)
class Unreadable:
    """A folder that is a run, or may be one, and cannot be read."""

    folder: RunFolder
    why: str


def list_runs(output: Path) -> list[RunFolder]:
    """The runs of an output folder, the oldest first."""
    if not is_folder(output):
        raise UsageError(
            "run.no_output",
            f"there is no folder {output}",
            hint="Name the folder that the config calls `output`.",
        )
    try:
        found = [RunFolder(path) for path in output.iterdir()]
    except OSError as error:
        raise UsageError(
            "run.closed_output",
            f"the folder {output} cannot be looked into: {error.strerror}",
            hint="Ask its owner for permission.",
        ) from error
    runs = (folder for folder in found if not folder.path.name.startswith(".") and is_file(folder.record_file))
    return sorted(runs, key=lambda folder: folder.path.name)


def find_run(name: str, output: Path = DEFAULT_OUTPUT) -> RunFolder:
    """The run of a path, an id, the beginning of an id, or `last`.

    Raises:
        UsageError: there is none, or more than one.
    """
    path = Path(name)
    if name != LAST and is_file(path / RECORD_FILE):
        return RunFolder(path.absolute())
    runs = list_runs(output) if is_folder(output) else []
    matching = runs[-1:] if name == LAST else [run for run in runs if name and run.path.name.startswith(name)]
    if len(matching) == 1:
        return RunFolder(matching[0].path.absolute())
    if matching:
        raise UsageError(
            "run.ambiguous",
            f"{len(matching)} runs begin with {name}: {', '.join(run.path.name for run in matching[:5])}",
            where=str(output),
            hint="Write more of the id.",
        )
    raise UsageError(
        "run.unknown",
        f"there is no run {name} in {output}" if name != LAST else f"there are no runs in {output}",
        hint="Give the run folder's path, or name its output folder with --output. `loghi-runner runs DIR` lists runs.",
    )


def look_at_all(output: Path, *, with_progress: bool = False) -> tuple[list[Look], list[Unreadable]]:
    """The runs of an output folder that can be read, the oldest first, and the folders that cannot.

    Args:
        with_progress: have the events of all of them read, too: who cannot tell them is unreadable.

    Raises:
        UsageError: there is no such folder, or it is closed.
    """
    looks, broken = [], []
    for folder in list_runs(output):
        try:
            look = look_at(folder)
            if with_progress:
                _ = look.progress
        except UsageError:
            broken.append(Unreadable(folder, f"its {RECORD_FILE} is damaged"))
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one run, the others are shown
            broken.append(Unreadable(folder, f"{type(error).__name__}: {error}"))
        else:
            looks.append(look)
    return looks, [*_without_record(output), *broken]


def _without_record(output: Path) -> list[Unreadable]:
    """Folders that are runs, or may be, and have no record that can be seen."""
    return [
        Unreadable(RunFolder(path), why)
        for path in sorted(output.iterdir())
        if not path.name.startswith(".") and is_folder(path) and (why := _why_without_record(path)) is not None
    ]


def _why_without_record(path: Path) -> str | None:
    if not os.access(path, os.R_OK | os.X_OK):
        return "it is closed to this account"
    if is_there(path / RECORD_FILE):
        return None if (path / RECORD_FILE).is_file() else f"its {RECORD_FILE} is no file"
    if not is_run_id(path.name):
        return None
    return "never started; `loghi-runner clean` removes it" if was_never_started(path) else f"it has no {RECORD_FILE}"
