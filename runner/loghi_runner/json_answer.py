"""Answers for programs: one JSON object a line, on standard output; errors too."""

import json
import sys
from collections.abc import Mapping
from typing import Any, Protocol  # JSON values have no narrower type

from loghi_runner.errors import RunnerError


class Failure(Protocol):
    """What a run's record says of its end, as far as it is shown like an error."""

    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def where(self) -> str | None: ...
    @property
    def hint(self) -> str | None: ...
    @property
    def exit_code(self) -> int: ...


def error_json(error: RunnerError | Failure) -> dict[str, Any]:
    """An error as scripts get it; the keys are a promise to them."""
    return {
        "kind": "error",
        "code": error.code,
        "message": error.message,
        "where": error.where,
        "hint": error.hint,
        "exit_code": int(error.exit_code),
        **(error.details() if isinstance(error, RunnerError) else {}),
    }


def print_json(value: Mapping[str, Any]) -> None:
    """One object, one line, on standard output at once."""
    # in another encoding than UTF-8, letters it lacks would not be escaped as JSON escapes them
    is_utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not is_utf8) + "\n"
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode())
    sys.stdout.flush()
