"""What the runs of an output folder left behind besides their results, found and removed. Models are never touched."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loghi_runner.engines.base import NOT_OURS
from loghi_runner.errors import EngineError
from loghi_runner.ground_truth.line_store import remove_lines, unused_lines
from loghi_runner.runs.find import clean_run, look_at_all, never_started
from loghi_runner.runs.look import Look
from loghi_runner.wording import plural, shown

#: How a folder is told of that holds no run yet.
_NEVER_STARTED = "a run that was never started"


@dataclass(frozen=True)
class LeftOver:
    """What can be removed: of ended runs, with what each keeps; runs that were never started; pages' line images."""

    output: Path
    runs: tuple[tuple[Look, list[str]], ...]
    never_started: tuple[Path, ...]
    pages: tuple[Path, ...]

    def lines(self) -> list[str]:
        """What would go, in words."""
        lines = [f"{look.folder.path.name}: {', '.join(kept)}" for look, kept in self.runs]
        lines += [f"{path.name}: {_NEVER_STARTED}" for path in self.never_started]
        return lines + ([f"line images of {plural(len(self.pages), 'page')} that no run uses"] if self.pages else [])


@dataclass(frozen=True)
class Removed:
    """What was removed, by the run's name, and the folders of line images."""

    runs: dict[str, list[str]]
    pages: tuple[Path, ...]

    def sentence(self) -> str:
        done = [f"what {plural(len(self.runs), 'run')} had left"] if self.runs else []
        done += [f"the line images of {plural(len(self.pages), 'page')}"] if self.pages else []
        return f"removed {' and '.join(done)}" if done else "nothing to remove"


def find_left_over(output: Path, note: Callable[[str], None]) -> LeftOver:
    """Look through an output folder, and touch nothing.

    Args:
        note: told what is left alone, and why.

    Raises:
        UsageError: there is no such folder, or it is closed.
    """
    looks, broken = look_at_all(output)
    kept = tuple((look, found) for look in looks if (found := clean_run(look, really=False)))
    left = never_started(output)
    unused = unused_lines(output, _named(looks))
    unreadable = [run for run in broken if run.folder.path not in left]
    for run in unreadable:
        note(f"{shown(run.folder.path.name)}: left alone: {shown(run.why)}")
    if unused and unreadable:
        # a run that cannot be read may need any of them
        note(f"line images are left alone: {shown(unreadable[0].folder.path.name)} may need them")
        unused = []
    return LeftOver(output, kept, tuple(left), tuple(unused))


def remove_left_over(found: LeftOver, note: Callable[[str], None]) -> Removed:
    """Remove what was found, so far as it still may be.

    Raises:
        EngineError: an engine that kept something of a run cannot be reached.
    """
    removed = {}
    for look, _kept in found.runs:
        name = look.folder.path.name
        try:
            removed[name] = clean_run(look, really=True)
        except EngineError as error:
            if error.code not in (NOT_OURS, "output.cannot_write"):
                raise
            note(f"{name}: left alone: {error.message}")
    for path in found.never_started:
        try:
            shutil.rmtree(path)
        except OSError as error:
            note(f"{path.name}: left alone: {error.strerror or error}")
            continue
        removed[path.name] = [_NEVER_STARTED]
    pages, why_left = remove_lines(found.output, lambda: _still_unused(found)) if found.pages else ([], None)
    if why_left is not None:
        note(f"line images are left alone: {why_left}")
    return Removed(removed, tuple(pages))


def _still_unused(found: LeftOver) -> set[Path]:
    """Of the line images, what still no run names, now that none can be started."""
    looks, broken = look_at_all(found.output)
    return set() if broken else set(found.pages) & set(unused_lines(found.output, _named(looks)))


def _named(looks: list[Look]) -> set[str]:
    return {name for look in looks for name in look.record.prepared}
