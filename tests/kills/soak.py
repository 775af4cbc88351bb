"""`make soak-runs`: many short runs, several at once, killed and cancelled in every way; nothing may be left of them.

    python -m tests.kills.soak [--runs 100] [--minutes 60] [--at-once 6] [--cards 2] [--seed 1] [--folder DIR]

Real `loghi-runner finetune` commands with a stand-in for the trainer, on made cards or, with --cards 0, on the
processor; with --base IMAGE every fifth in a container of an image made from that one. Exit 1: a process, container,
lease, lock or file was left, a card was shared, or a run's state is not what happened to it; each is printed.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

from loghi_runner.engines.base import Handle
from loghi_runner.engines.local import TEST_TRAINER_VARIABLE
from loghi_runner.runs.find import list_runs
from loghi_runner.runs.folder import RunFolder, RunRecord
from tests.kills.left import Left
from tests.kills.place import Answer, Place

TRAINER = Path(__file__).parents[1] / "paced_trainer.py"
IMAGE = "loghi-runner-soak"
_STEPS_A_SECOND = 10
_MOST_EPOCHS = 5
_LATEST_S = 12.0
_LONGEST_RUN_S = 300.0
_LOOK_EVERY_S = 0.2

LET_BE, ASK, TERMINATE, HANG_UP, KILL_HOST = "nothing", "Ctrl+C", "SIGTERM", "SIGHUP", "kill host"
ASK_TWICE, KILL_TRAINER, KILL_BOTH, STOP = "Ctrl+C twice", "kill trainer", "kill both", "stop"
#: What is done to a run, how often, and how it may stand then: whatever is done may come too early or too late.
FATES: dict[str, tuple[int, frozenset[str]]] = {
    LET_BE: (40, frozenset({"finished"})),
    ASK: (10, frozenset({"cancelled", "finished"})),
    ASK_TWICE: (8, frozenset({"cancelled", "finished"})),
    TERMINATE: (6, frozenset({"cancelled", "finished"})),
    HANG_UP: (6, frozenset({"cancelled", "finished"})),
    STOP: (8, frozenset({"cancelled", "finished"})),
    KILL_HOST: (10, frozenset({"finished", "failed run.never_started"})),
    KILL_TRAINER: (7, frozenset({"failed memory.out_of_memory", "finished"})),
    # of a container the daemon knows how it ended
    KILL_BOTH: (5, frozenset({"lost run.lost", "failed memory.out_of_memory", "failed run.never_started", "finished"})),
}
_SIGNALS = {ASK: signal.SIGINT, TERMINATE: signal.SIGTERM, HANG_UP: signal.SIGHUP, KILL_HOST: signal.SIGKILL}


@dataclass
class Run:
    name: str
    fate: str
    host: psutil.Popen
    at_s: float
    is_done: bool = False


class Soak:
    def __init__(self, folder: Path, arguments: argparse.Namespace) -> None:
        self.place = Place(folder, epochs=1)
        self.left = Left(self.place, arguments.cards)
        self._arguments = arguments
        self._chance = random.Random(arguments.seed)
        self._runs: list[Run] = []

    def start_and_disturb(self) -> None:
        """All runs one after the other, no more at once than was asked for."""
        arguments = self._arguments
        began, number = time.monotonic(), 0
        while number < arguments.runs or self._under_way():
            is_time = time.monotonic() - began >= 60 * arguments.minutes * number / arguments.runs
            if number < arguments.runs and is_time and len(self._under_way()) < arguments.at_once:
                number += 1
                self._runs.append(self._start(number))
            for run in self._under_way():
                if not run.is_done and time.monotonic() >= run.at_s:
                    run.is_done = self._disturb(run)
            time.sleep(_LOOK_EVERY_S)
        self._wait_for_those_alone()

    def wrong_states(self) -> list[str]:
        """Runs that do not stand as they may after what was done to them; the others are counted on the screen."""
        fates = {run.name: run.fate for run in self._runs}
        wrong, counted = [], Counter[str]()
        answer = self._call("runs", "runs", "--json")
        for record in answer.last_json().get("runs", []):
            state = " ".join(filter(None, (record["state"], (record["error"] or {}).get("code"))))
            state = record["state"] if record["state"] == "cancelled" else state
            fate = fates[record["name"]]
            counted[f"{fate}: {state}"] += 1
            if state not in FATES[fate][1]:
                wrong.append(f"{record['run_id']} ({record['name']}): {state} after {fate}")
        for what, count in sorted(counted.items()):
            print(f"{count:>4}  {what}")
        print(f"{sum(counted.values())} runs of {len(self._runs)} commands have a folder", flush=True)
        return wrong + ([] if answer.exit_code == 0 else [f"runs: {answer.stderr[-500:]}"])

    def clean(self) -> list[str]:
        answer = self._call("clean", "runs", "--yes")
        return [] if answer.exit_code == 0 else [f"clean: {answer.stderr[-500:]}"]

    def gpus(self) -> list[str]:
        """What `gpus` says of cards that all are free; looking removes what dead runs left of their tickets."""
        answer = self._call("gpus", "--json")
        return [] if answer.exit_code == 0 else [f"gpus: {answer.stderr[-500:]}"]

    def _call(self, *words: str) -> Answer:
        return self.place.call(*words, more=self.left.environment)

    # -- one run

    def _start(self, number: int) -> Run:
        fate = self._chance.choices(list(FATES), [often for often, _states in FATES.values()])[0]
        name, arguments = f"soak_{number}", self._arguments
        settings = [f"name={name}", f"training.seed={_STEPS_A_SECOND}"]
        settings.append(f"training.epochs={self._chance.randint(1, _MOST_EPOCHS)}")
        if arguments.base and number % 5 == 0:
            settings += ["engine.kind=docker", f"engine.image={IMAGE}"]
        elif arguments.cards:
            settings.append("engine.gpus=auto")
        words = [word for setting in settings for word in ("--set", setting)]
        with (self.place.folder / "logs" / f"{name}.log").open("wb") as log:
            host = psutil.Popen(
                [sys.executable, "-m", "loghi_runner", "finetune", str(self.place.config), "--json", *words],
                cwd=self.place.folder,
                env=os.environ | self.left.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return Run(name, fate, host, time.monotonic() + self._chance.uniform(0.5, _LATEST_S))

    def _disturb(self, run: Run) -> bool:
        """Do to it what is its fate; False where that has to wait for its trainer."""
        if run.fate in _SIGNALS:
            run.host.send_signal(_SIGNALS[run.fate])
        elif run.fate == ASK_TWICE:
            for _press in range(2):
                run.host.send_signal(signal.SIGINT)
                time.sleep(0.3)  # a hand on a keyboard
        elif run.fate != LET_BE:
            found = self._find(run)
            if found is None or found[1].handle is None:
                return False
            folder, record = found
            if run.fate == STOP:
                self._call("stop", str(folder.path), "--grace", "30")
                return True
            if run.fate == KILL_BOTH:
                run.host.kill()
            assert record.handle is not None
            _kill_trainer(record.handle)
        return True

    def _find(self, run: Run) -> tuple[RunFolder, RunRecord] | None:
        folders = list_runs(self.place.runs) if self.place.runs.is_dir() else []
        records = ((folder, folder.read()) for folder in folders)
        return next((found for found in records if found[1].name == run.name), None)

    def _under_way(self) -> list[Run]:
        return [run for run in self._runs if run.host.poll() is None]

    def _wait_for_those_alone(self) -> None:
        """Trainers whose hosts were killed, or hung up, come to their end by themselves."""
        deadline = time.monotonic() + _LONGEST_RUN_S
        while (self.left.processes() or self.left.containers(running=True)) and time.monotonic() < deadline:
            time.sleep(1)


def _kill_trainer(handle: Handle) -> None:
    if handle.engine == "docker":
        subprocess.run(["docker", "kill", handle.id], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return
    with contextlib.suppress(ProcessLookupError):  # it ended in this moment
        os.kill(int(handle.id.partition(":")[0]), signal.SIGKILL)


def _make_image(base: str) -> None:
    text = f'FROM {base}\nCOPY {TRAINER.name} /\nENTRYPOINT ["python", "/{TRAINER.name}"]\n'
    command = ["docker", "build", "--quiet", "--tag", IMAGE, "--file", "-", str(TRAINER.parent)]
    subprocess.run(command, input=text.encode(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _soak(folder: Path, arguments: argparse.Namespace) -> int:
    soak = Soak(folder, arguments)
    soak.left.prepare({TEST_TRAINER_VARIABLE: str(TRAINER)})
    began = time.monotonic()
    soak.start_and_disturb()
    print(f"{arguments.runs} runs in {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
    wrong = soak.wrong_states()
    wrong += [f"the container of a run that needs none is left: {name}" for name in soak.left.needless_containers()]
    soak.left.wait_until_folders_are_old()
    wrong += soak.clean() + soak.gpus() + soak.left.all()
    for sentence in wrong:
        print(f"  {sentence}")
    print(f"{len(wrong)} things are not as they should be")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60.0, help="in which they are begun")
    parser.add_argument("--at-once", type=int, default=6)
    parser.add_argument("--cards", type=int, default=2, help="made ones; 0: on the processor")
    parser.add_argument("--base", default="", help="an image of the trainer, for runs in containers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="kept; by default a temporary one")
    arguments = parser.parse_args()
    # in a script's background they arrive ignored, and every command that is started would ignore them too
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if arguments.base:
        _make_image(arguments.base)
    if arguments.folder is not None:
        return _soak(arguments.folder, arguments)
    with tempfile.TemporaryDirectory(prefix="loghi-soak-") as folder:
        return _soak(Path(folder), arguments)


if __name__ == "__main__":
    sys.exit(main())
