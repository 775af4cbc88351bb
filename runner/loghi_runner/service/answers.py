"""What a command of ours answered: JSON lines in a file, so that it is there for whoever comes later."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any  # JSON values have no narrower type

_ANSWERS = ("run_record", "recognized", "check", "plan", "evaluation", "pulled", "pushed", "error")
_SHOWN = ("kind", "findings", "estimate", "lines", "pages", "skipped", "seconds", "scores", "loghi", "failed")
_TAIL_BYTES = 1 << 20


def last_answer(file: Path) -> dict[str, Any] | None:
    """The last thing a command said that is an answer."""
    return next((value for value in reversed(_last_values(file)) if value.get("kind") in _ANSWERS), None)


def progress_sentence(file: Path) -> str | None:
    values = _last_values(file)
    if not values or values[-1].get("kind") != "progress":
        return None
    return f"{values[-1]['doing']}: {values[-1]['done']} of {values[-1]['total']}"


def _last_values(file: Path) -> list[dict[str, Any]]:
    try:
        with file.open("rb") as content:
            content.seek(max(0, content.seek(0, os.SEEK_END) - _TAIL_BYTES))
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
