"""A place to train in: a small config over the sample's lines, the commands, and the processes they leave."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from loghi_runner.engines.local import TEST_TRAINER_VARIABLE
from tests.kills.marked_trainer import AT_VARIABLE, COPIES_VARIABLE

SAMPLE = Path(__file__).parents[2] / "examples" / "sample"
MARKED_TRAINER = Path(__file__).with_name("marked_trainer.py")

#: The shortest of the sample: a run is to pass through all its moments quickly.
_LINES = {"train": 12, "val": 4}
_LONGEST_S = 300.0

COMMAND = (sys.executable, "-m", "loghi_runner")


@dataclass(frozen=True)
class Answer:
    exit_code: int
    stdout: str
    stderr: str

    def last_json(self) -> dict[str, Any]:
        """The last line of the answer; empty where there is none."""
        try:
            value = json.loads(self.stdout.splitlines()[-1])
        except (ValueError, IndexError):
            return {}
        return value if isinstance(value, dict) else {}


class Place:
    """One output folder with all its runs."""

    def __init__(self, folder: Path, epochs: int) -> None:
        self.folder = folder.absolute()
        self.runs = self.folder / "runs"
        self.config = self.folder / "kills.yaml"
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, count in _LINES.items():
            lines = (SAMPLE / f"{name}.txt").read_text(encoding="utf-8").splitlines()
            chosen = sorted(lines, key=lambda line: len(line.partition("\t")[2]))[:count]
            (self.folder / f"{name}.txt").write_text("".join(f"{SAMPLE}/{line}\n" for line in chosen), "utf-8")
        self.config.write_text(
            f"name: kills\nbase_model: {SAMPLE / 'base_model'}\ndata: {{train: train.txt, validation: val.txt}}\n"
            f"output: runs\ntraining: {{epochs: {epochs}, batch_size: 4, early_stopping: 0, seed: 4}}\n"
            "engine: {kind: local, gpus: none}\n",
            encoding="utf-8",
        )

    def call(self, *words: str, more: Mapping[str, str] | None = None) -> Answer:
        """A command to its end, with more in its environment."""
        environment = _environment(more)
        ended = subprocess.run(
            [*COMMAND, *words], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=_LONGEST_S
        )
        return Answer(ended.returncode, ended.stdout, ended.stderr)

    def start(
        self,
        *words: str,
        die_at: str = "",
        copies: Path | None = None,
        more: Mapping[str, str] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> subprocess.Popen[bytes]:
        """A command that follows a run, in a session of its own; what it says is in host.log."""
        marks = {**(more or {})} | ({AT_VARIABLE: die_at} if die_at else {})
        marks |= {COPIES_VARIABLE: str(copies)} if copies else {}
        if die_at or copies:
            marks[TEST_TRAINER_VARIABLE] = str(MARKED_TRAINER)
        with (self.folder / "host.log").open("wb") as log:
            return subprocess.Popen(
                [*command, *words, "--json"],
                cwd=self.folder,
                env=_environment(marks),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def all_runs(self) -> set[str]:
        return {path.name for path in self.runs.glob("[!.]*")} if self.runs.is_dir() else set()

    def processes(self, below: Path | None = None) -> list[psutil.Process]:
        """Those that work in this folder, the harness itself left out."""
        below, found = below or self.folder, []
        for process in psutil.process_iter():
            try:
                works_here = Path(process.cwd()).is_relative_to(below)
                if works_here and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found


def _environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", **(more or {})}
