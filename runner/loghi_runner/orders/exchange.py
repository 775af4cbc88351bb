"""`python -m loghi_runner.orders.exchange pull|push`: one stage of an order that talks to a platform.

The task, with its token, comes on standard input; the answer is JSON lines on standard output.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from loghi_contract.exit_codes import ExitCode
from loghi_contract.records import from_json, to_json
from loghi_runner.config.choices import PlatformKind
from loghi_runner.errors import RunnerError, UsageError
from loghi_runner.json_answer import error_json, print_json
from loghi_runner.platform import open_platform
from loghi_runner.platform.base import Platform, PlatformConnection, Source


@dataclass(frozen=True)
class Task:
    """`truth` and `to_read` are the folders to fill, None where nothing is to be pulled into them.

    `pages` are learnt from, `read` are read; None for every page.
    """

    kind: PlatformKind
    url: str
    token: str
    document: str
    pages: tuple[str, ...] | None
    read: tuple[str, ...] | None
    recognized: str
    layer_name: str
    comment: str
    layer: str | None = None
    truth: str | None = None
    to_read: str | None = None

    def __repr__(self) -> str:
        return f"Task(document {self.document} of {self.url})"


def main() -> int:
    try:
        task = from_json(Task, json.loads(sys.stdin.read()))
        platform = open_platform(PlatformConnection(task.kind, task.url), task.token)
        print_json(_pull(platform, task) if sys.argv[1:] == ["pull"] else _push(platform, task))
    except RunnerError as error:
        print_json(error_json(error))
        return int(error.exit_code)
    return int(ExitCode.OK)


def _pull(platform: Platform, task: Task) -> dict[str, object]:
    document = _number(task.document)
    answer: dict[str, object] = {"kind": "pulled"}
    if task.truth is not None:
        source = Source(document, _number(task.layer or ""), _numbers(task.pages))
        answer["truth"] = to_json(platform.pull(source, Path(task.truth), _tell))
    if task.to_read is not None:
        layer = _number(task.layer) if task.layer else _any_layer(platform, document)
        source = Source(document, layer, _numbers(task.read))
        answer["to_read"] = to_json(platform.pull(source, Path(task.to_read), _tell))
    return _plain(answer)


def _push(platform: Platform, task: Task) -> dict[str, object]:
    pulled = Path(task.to_read or "")
    pushed = platform.push(pulled, Path(task.recognized), task.layer_name, task.comment, _tell)
    return _plain({"kind": "pushed", **to_json(pushed)})


def _any_layer(platform: Platform, document: int) -> int:
    layers = platform.document(document).layers
    if not layers:
        raise UsageError("platform.no_layer", f"the document {document} has no transcription layer")
    return layers[0].id


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise UsageError("request.no_such_id", f"the platform's ids are whole numbers, not {text[:40]!r}")
    return int(text)


def _numbers(texts: tuple[str, ...] | None) -> tuple[int, ...] | None:
    return None if texts is None else tuple(map(_number, texts))


def _tell(doing: str, done: int, total: int) -> None:
    print_json({"kind": "progress", "doing": doing, "done": done, "total": total})


def _plain(value: dict[str, object]) -> dict[str, object]:
    """Paths as texts."""
    plain: dict[str, object] = json.loads(json.dumps(value, default=str))
    return plain


if __name__ == "__main__":
    sys.exit(main())
