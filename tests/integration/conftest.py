"""A small workplace for whole runs: line images, lists, a base model's outside, and the stand-in trainer."""

import contextlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from loghi_runner.cli.main import run as run_command

ROOT = Path(__file__).parents[2]
FAKE_TRAINER = ROOT / "tests" / "fake_trainer.py"
CHARACTERS = "abcdefghijklmnopqrstuvwxyz "
COMMAND = (sys.executable, "-c", "from loghi_runner.cli.main import main; main()")


def write_line_images(folder: Path, list_file: Path, count: int) -> None:
    """One page folder for each six lines; every image differs, so that no two count as the same."""
    lines = []
    for number in range(count):
        image = folder / f"page_{number // 6}" / f"line_{number}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (200 + number, 64), color=100 + number).save(image)
        lines.append(f"{image.relative_to(list_file.parent)}\ten linje tekst")
    list_file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_base_model(folder: Path) -> None:
    """The outside of a Loghi model: what is looked at before a model is loaded."""
    folder.mkdir(parents=True)
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, None, 64, 1]}},
        {"class_name": "Dense", "config": {"units": len(CHARACTERS) + 2}},
    ]
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.9.2"}))
        archive.writestr("config.json", json.dumps({"config": {"name": "base", "layers": layers}}))
        archive.writestr("model.weights.h5", b"\0" * 1000)
    tokens = ["[PAD]", "[UNK]", *CHARACTERS]
    text = json.dumps({str(index): token for index, token in enumerate(tokens)})
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Result:
    returncode: int
    stdout: str
    stderr: str


@dataclass
class Workplace:
    """A folder with a config; `run` runs a command in it to its end, `start` leaves it running."""

    folder: Path
    scenario: str = "success"
    trainer: Path = FAKE_TRAINER
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def own_environment(self) -> dict[str, str]:
        return {
            "LOGHI_RUNNER_TEST_TRAINER": str(self.trainer),
            "LOGHI_FAKE_TRAINER": self.scenario,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "runner"), str(ROOT / "container")]),
            "COLUMNS": "80",
            "TERM": "xterm",
        }

    def run(self, *arguments: str) -> Result:
        """In this process, which is many times faster; `start` is for what needs a process of its own."""
        stdout, stderr = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "stdin", io.StringIO())
            for name, value in self.own_environment.items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
                code = run_command(arguments)
        return Result(code, stdout.getvalue(), stderr.getvalue())

    def finetune(self, *arguments: str) -> Result:
        return self.run("finetune", "config.yaml", *arguments)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env={**os.environ, **self.own_environment},
            text=True,
            start_new_session=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        self.started.append(process)
        return process

    def start_finetune(self, *arguments: str) -> subprocess.Popen[str]:
        """A run whose events arrive as JSON lines on stdout."""
        return self.start("finetune", "config.yaml", "--json", *arguments)

    @property
    def run_dir(self) -> Path:
        (found,) = (path for path in (self.folder / "runs").iterdir() if not path.name.startswith("."))
        return found

    def record(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.run_dir / "run.json").read_text(encoding="utf-8"))
        return value


def read_until(process: subprocess.Popen[str], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Read JSON lines of a process until one is wanted; the process must not end before."""
    assert process.stdout is not None
    for line in process.stdout:
        value: dict[str, Any] = json.loads(line)
        if wanted(value):
            return value
    raise AssertionError(f"it ended first, with {process.wait()}: {process.stderr.read() if process.stderr else ''}")


def make_workplace(folder: Path) -> Workplace:
    place = Workplace(folder)
    write_line_images(folder / "data" / "train", folder / "data" / "train.txt", 24)
    write_line_images(folder / "data" / "val", folder / "data" / "val.txt", 6)
    write_base_model(folder / "base")
    for number, image in enumerate(sorted((folder / "data" / "val").rglob("*.png"))):
        Image.new("L", (300 + number, 64), color=200).save(image)
    place.config.write_text(
        "name: bonnevie\n"
        "base_model: base\n"
        "data: {train: data/train.txt, validation: data/val.txt}\n"
        "output: runs\n"
        "engine: {kind: local, gpus: none}\n",
        encoding="utf-8",
    )
    return place


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    place = make_workplace(tmp_path)
    yield place
    for process in place.started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def until() -> Callable[[subprocess.Popen[str], Callable[[dict[str, Any]], bool]], dict[str, Any]]:
    return read_until
