"""One damaged run is told as damaged; it never spoils a list, and no command ends in a fault of ours."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loghi_runner.runs.folder import RunFolder
from tests.integration.conftest import make_workplace

DEEP = "[" * 60_000
#: No text of this many digits is read as a number.
LONG = "9" * 5000


def put(name: str, content: str | bytes) -> Callable[[RunFolder], None]:
    def damage(folder: RunFolder) -> None:
        (folder.path / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return damage


def instead(name: str, make: Callable[[Path], object]) -> Callable[[RunFolder], None]:
    def damage(folder: RunFolder) -> None:
        (folder.path / name).unlink()
        make(folder.path / name)

    return damage


def record(**changed: str) -> Callable[[RunFolder], None]:
    """Values of run.json replaced by JSON as it stands here."""

    def damage(folder: RunFolder) -> None:
        value = json.loads(folder.record_file.read_bytes())
        parts = [f"{json.dumps(key)}: {changed.get(key, json.dumps(old))}" for key, old in value.items()]
        folder.record_file.write_text("{" + ", ".join(parts) + "}", encoding="utf-8")

    return damage


def event(kind: str, **changed: str) -> Callable[[RunFolder], None]:
    """Values of all events of a kind replaced by JSON as it stands here."""

    def damage(folder: RunFolder) -> None:
        lines = []
        for line in folder.events_file.read_text(encoding="utf-8").splitlines():
            value: dict[str, Any] = json.loads(line)
            if value["kind"] == kind:
                parts = [f"{json.dumps(key)}: {changed.get(key, json.dumps(old))}" for key, old in value.items()]
                line = "{" + ", ".join(parts) + "}"
            lines.append(line)
        folder.events_file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    return damage


ESCAPES = '"\\ud800\\u001b[2J"'

EVENTS = "out/events.jsonl"
JOB = "in/job.json"
READ = ("console.log", "out/report/skipped_lines.tsv", "out/report/report.json")
DAMAGES = {
    **{
        f"{name} {what}": put(name, content)
        for name in ("run.json", EVENTS, JOB)
        for what, content in {
            "empty": b"", "deep": DEEP, "deep object": '{"a":' * 60_000, "null": "null", "list": "[]", "number": LONG,
            "NaN": "NaN", "random": bytes(range(256)) * 40, "nul": b"\0" * 10_000,
        }.items()
    },
    **{f"{name} a folder": instead(name, Path.mkdir) for name in (EVENTS, JOB)},
    **{f"{name} a pipe": instead(name, os.mkfifo) for name in (*READ, EVENTS, JOB)},
    **{f"{name} a loop": instead(name, lambda path: path.symlink_to(path.name)) for name in (EVENTS, JOB)},
    **{
        f"run.json {key} {value[:12]}": record(**{key: value})
        for key in ("epochs", "best_val_cer", "exit_code", "handle", "created")
        for value in ("NaN", "1e400", "9" * 400, "[[]]")
    },
    **{
        f"{kind} {key} {value[:12]}": event(kind, **{key: value})
        for kind, keys in {
            "epoch": ("seq", "t", "epochs", "seconds", "val_cer"),
            "step": ("steps", "loss"),
            "finished": ("best_val_cer",),
            "started": ("device",),
        }.items()
        for key in keys
        for value in ("NaN", "-1e300", "1e400", "9" * 400, ESCAPES)
    },
    **{
        f"handle {name}": record(handle=f'{{"engine": "local", "id": "{name}"}}', state='"running"', host="null")
        for name in ("-1:1:x", "99999999999999999999:1:x", "1:nan", "", ":", "1")
    },
    "engine unknown": record(engine='"slurm"', state='"running"', host="null"),
    "out a file": lambda folder: (shutil.rmtree(folder.out), folder.out.write_text(""))[0],
    "out missing": lambda folder: shutil.rmtree(folder.out),
    "in missing": lambda folder: shutil.rmtree(folder.job_dir),
}  # fmt: skip
COMMANDS = (
    ["show"], ["show", "--json"], ["logs"], ["logs", "--steps"], ["logs", "--json"], ["logs", "--console"], ["stop"]
)  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """One whole run, to be copied and damaged."""
    workplace = make_workplace(tmp_path_factory.mktemp("whole"))
    assert workplace.finetune().returncode == 0
    return workplace.run_dir


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_no_damage_of_one_run_is_a_fault_of_ours_or_hides_another(finished, workplace, damage) -> None:
    damaged = RunFolder(workplace.folder / "runs" / "20200101-000000-aaaa")
    whole = workplace.folder / "runs" / "20200101-000000-bbbb"
    for folder in (damaged.path, whole):
        shutil.copytree(finished, folder)
    damage(damaged)
    for command in (["runs"], ["runs", "--json"], ["clean", "--yes"]):
        listed = workplace.run(*command)
        assert listed.returncode == 0, listed.stderr
        assert "Traceback" not in listed.stderr
        if command == ["runs"]:
            assert "31.2 % > 9.8 %" in listed.stdout.splitlines()[-1]
            assert len(listed.stdout.splitlines()) == 3
        elif command[-1] == "--json":
            answer = json.loads(listed.stdout)
            assert len(answer["runs"]) + len(answer["unreadable"]) == 2
    for command in COMMANDS:
        result = workplace.run(command[0], str(damaged.path), *command[1:])
        assert result.returncode != 1, f"{command}: {result.stderr}"
        assert "\x1b" not in result.stdout
        assert ("NaN" not in result.stdout and "Infinity" not in result.stdout) or command[-1] == "--json"
