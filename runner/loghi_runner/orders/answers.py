"""What a command of ours answered: JSON lines in a file, so that it is there for whoever comes later."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_runner.orders.orders import Stage

#: What each stage's command says when it has done its work; a training has its run for that.
_ANSWERS: dict[Stage, tuple[str, ...]] = {
    Stage.PULLING: ("pulled",),
    Stage.CHECKING: ("plan", "check"),
    Stage.RECOGNIZING: ("recognized",),
    Stage.EVALUATING: ("evaluation",),
    Stage.PUSHING: ("pushed",),
}
_SHOWN = (
    "kind",
    "findings",
    "estimate",
    "lines",
    "pages",
    "skipped",
    "cut",
    "seconds",
    "scores",
    "loghi",
    "failed",
    "left_out",
)
#: How much of a file's end can hold an answer, and how much a line of progress, which is asked for all the time.
_ANSWER_BYTES, _PROGRESS_BYTES = 1 << 20, 4096


def last_answer(file: Path, stage: Stage) -> dict[str, Any] | None:
    """The answer of a stage's command, or its error; None when it ended without either."""
    return _last_of(file, (*_ANSWERS.get(stage, ()), "error"))


def last_plan(file: Path) -> dict[str, Any] | None:
    """What a training would have done, with its findings."""
    return _last_of(file, ("plan",))


def _last_of(file: Path, kinds: tuple[str, ...]) -> dict[str, Any] | None:
    return next((value for value in reversed(_last_values(file, _ANSWER_BYTES)) if value.get("kind") in kinds), None)


def progress_sentence(file: Path) -> str | None:
    values = _last_values(file, _PROGRESS_BYTES)
    if not values or values[-1].get("kind") != "progress":
        return None
    return f"{values[-1]['doing']}: {values[-1]['done']} of {values[-1]['total']}"


def _last_values(file: Path, tail_bytes: int) -> list[dict[str, Any]]:
    try:
        with file.open("rb") as content:
            content.seek(max(0, content.seek(0, os.SEEK_END) - tail_bytes))
            lines = content.read().splitlines()
    except OSError:
        return []
    values = []
    for line in lines:
        with contextlib.suppress(ValueError):
            value = json.loads(line)
            if isinstance(value, dict):
                values.append(value)
    return values


def kept_part(answer: dict[str, Any]) -> dict[str, Any] | None:
    """The part of an answer that whoever ordered may see."""
    kept = {key: value for key, value in answer.items() if key in _SHOWN}
    return kept if len(kept) > 1 else None
