"""Run a command and say what it took."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Wall and processor seconds of a command with its children, and the largest process's memory."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class LinesRead:
    """Texts and confidences by image; `reading_s` is from the first image to the last text."""

    cost: Cost
    reading_s: float
    texts: dict[str, str]
    confidences: dict[str, float]


def parse_results(results: Path) -> tuple[dict[str, str], dict[str, float]]:
    """Texts and confidences by image, of Loghi's results file."""
    rows = [row.split("\t", 2) for row in results.read_text(encoding="utf-8").splitlines()]
    return {image: text for image, _, text in rows}, {image: float(confidence) for image, confidence, _ in rows}


def run_measured(command: Sequence[str], log: Path, *, cwd: Path, extra_environment: Mapping[str, str]) -> Cost:
    """Run to the end, output to `log`.

    Raises:
        SystemExit: the command failed; the message names the log.
    """
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=os.environ | dict(extra_environment), stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {process.returncode}; see {log}")
    return Cost(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
