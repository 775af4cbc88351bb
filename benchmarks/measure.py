"""Run commands in turn and say what they took: one stopwatch for all, from a command's start to its end."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from loghi_contract.counts import pool
from loghi_trainer.scores import count_errors

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """Wall and processor seconds of a command with its children, and the largest process's memory."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Trained:
    """One fine-tuning. `lines` are training lines, each counted once an epoch."""

    cost: Cost
    lines: int
    best_val: Path

    @property
    def lines_per_second(self) -> float:
        """All in: start, making the network ready, validation, saving."""
        return self.lines / self.cost.wall_s


@dataclass(frozen=True)
class LinesRead:
    """Texts and confidences by image."""

    cost: Cost
    texts: dict[str, str]
    confidences: dict[str, float]


def parse_results(results: Path) -> tuple[dict[str, str], dict[str, float]]:
    """Texts and confidences by image, of Loghi's results file."""
    rows = [row.split("\t", 2) for row in results.read_text(encoding="utf-8").splitlines()]
    return {image: text for image, _, text in rows}, {image: float(confidence) for image, confidence, _ in rows}


def cer_of(texts: Mapping[str, str], read: Mapping[str, str]) -> float:
    """Errors in all characters of lines that a program read, as a fraction."""
    return pool(count_errors(text, read[image].strip()) for image, text in texts.items()).cer


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


def in_turn(rounds: int, programs: Mapping[K, Callable[[int], T]]) -> dict[K, list[T]]:
    """What each program gave in each round; every other round goes backwards, so that a drift meets all alike.

    A machine that others use too changes under the hand: only what ran within one round can be compared.
    """
    found: dict[K, list[T]] = {name: [] for name in programs}
    for turn in range(rounds):
        for name in list(programs) if turn % 2 == 0 else reversed(list(programs)):
            found[name].append(programs[name](turn))
    return found


def told(values: Sequence[float], digits: int = 1) -> str:
    """The median, and between what it lies."""
    middle = f"{statistics.median(values):.{digits}f}"
    if len(values) == 1:
        return f"{middle} (once)"
    return f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f}, {len(values)} rounds)"


def ratios(slower: Sequence[float], faster: Sequence[float]) -> list[float]:
    """How many times as fast, round by round."""
    return [one / other for one, other in zip(slower, faster, strict=True)]
