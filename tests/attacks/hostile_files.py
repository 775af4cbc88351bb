"""What another account can put where a file is expected, and a limit for whoever waits for it."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from loghi_runner.errors import RunnerError
from loghi_runner.finetuning.plan import RunPlan
from tests.unit.made_project import Project, page

_LONGEST_WAIT_S = 120


@pytest.fixture(autouse=True)
def never_waits() -> Iterator[None]:
    """Fails a test that hangs at a pipe; how long anything takes is not judged."""

    def fail(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError("it waits, or reads without end")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(_LONGEST_WAIT_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        # the path of a socket may be no longer than 107 bytes
        before = Path.cwd()
        os.chdir(path.parent)
        try:
            made.bind(path.name)
        finally:
            os.chdir(before)


ODD: dict[str, Callable[[Path], None]] = {
    "pipe": lambda path: os.mkfifo(path),
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "terminal": lambda path: path.symlink_to("/dev/tty"),
    "socket": _socket,
    "link to itself": lambda path: path.symlink_to(path.name),
    "folder": lambda path: path.mkdir(),
}


def put(kind: str, path: Path) -> None:
    """Something that is no file, in the place of what is there."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    ODD[kind](path)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Line lists, line images and a base model, as a person has them."""
    made = Project(tmp_path)
    made.model()
    for name, pages in (("train", ("p1", "p2")), ("val", ("p3",)), ("test", ("p4",))):
        made.line_list(f"lines/{name}.txt", [line for each in pages for line in page(each, 3)])
    made.values["data"] = {name: f"lines/{short}.txt" for name, short in (("train", "train"), ("validation", "val"))}
    made.values["data"]["test"] = "lines/test.txt"
    return made


def told(plan_of: Callable[[], RunPlan]) -> str:
    """All that a person is told about a run that cannot be started."""
    try:
        plan = plan_of()
    except RunnerError as error:
        return f"{error.code} {error.message}"
    return " ".join(f"{finding.code} {finding.message}" for finding in plan.findings) + " ".join(
        line.detail for _split, line in plan.skipped
    )
