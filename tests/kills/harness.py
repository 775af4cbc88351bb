"""Starts a fine-tuning, kills it as planned, and holds what is left to the promises."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from loghi_contract.checkpoint import has_checkpoint
from loghi_contract.exit_codes import ExitCode
from loghi_runner.runs.folder import RunFolder
from tests.kills.place import Place
from tests.kills.plan import ANNOUNCED, ENDING, HOST, SAVING, STARTING, TRAINER, Kill
from tests.kills.promises import (
    PARTS,
    Undisturbed,
    break_of_end,
    break_of_model,
    break_of_resumed,
    end_of,
    read_events,
    weights_digest,
)

_LOOK_EVERY_S = 0.005
_PAUSED_S = 60.0
_LONGEST_RUN_S = 300.0
#: So many of the runs that go on are killed once more.
_KILLED_AGAIN = 0.25
#: Not earlier, or there is no run yet to speak of.
_IMPORTS_S = 1.0


@dataclass
class Outcome:
    """`reached` names who got the signal; nobody, when the run was over before."""

    kill: Kill
    at_s: float = 0.0
    reached: str = ""
    then: str = ""
    state: str = "-"
    epoch: int | None = None
    resumed: str = ""
    broken: list[str] = field(default_factory=list)


class Harness:
    def __init__(self, folder: Path, *, epochs: int = 2, seed: int = 1) -> None:
        self.place = Place(folder, epochs)
        self._epochs = epochs
        #: how long a run takes now: other work on the machine comes and goes
        self._run_s = 0.0
        self._chance = random.Random(seed)
        self._known: set[str] = set()
        self._strange: set[str] = set()

    def run_undisturbed(self) -> Undisturbed:
        """One run to its end, with a copy of each model that was best."""
        copies = self.place.folder / "copies"
        shutil.rmtree(copies, ignore_errors=True)
        copies.mkdir()
        began = time.monotonic()
        host = self._start(copies=copies)
        self._watch(host, lambda: False)
        self._run_s = time.monotonic() - began
        folder = self._folder()
        if host.returncode != 0 or folder is None:
            raise RuntimeError(f"the run that nobody kills fails: {(self.place.folder / 'host.log').read_text()}")
        events, _ = read_events(folder)
        cers = {event["epoch"]: event["val_cer"] for event in events if event["kind"] == "epoch"}
        saved = [event["epoch"] for event in events if event["kind"] == "checkpoint"]
        digests = {weights_digest(copies / f"{number}.keras"): epoch for number, epoch in enumerate(saved)}
        if len(digests) <= self._epochs:
            raise RuntimeError(
                f"not every epoch was better than the one before, so there is nothing to tell by: {saved}"
            )
        return Undisturbed(digests, cers, self._run_s, end_of(folder))

    def carry_out(self, kill: Kill, undisturbed: Undisturbed, *, resumes: bool = True) -> Outcome:
        outcome = Outcome(kill)
        self._strange = set()
        host = self._start(die_at=kill.at)
        began = time.monotonic()
        if kill.at:
            self._watch(host, lambda: False)
            outcome.reached = TRAINER
        else:
            self._watch(host, self._moment(kill.moment, self._run_s))
            outcome.at_s = time.monotonic() - began
            if host.poll() is not None:
                self._run_s = outcome.at_s
            outcome.reached = " and ".join(self._send(kill, host))
            is_left = HOST in outcome.reached and kill.signal in ("KILL", "HUP")
            self._wait_for_host(host, outcome)
            if is_left:
                outcome.then = self._end_without_host()
        self._hold(host, outcome, undisturbed)
        if resumes and not outcome.state.startswith(("finished", "no run yet")):
            self._resume(outcome, undisturbed)
        return outcome

    def interrupted(self) -> RunFolder:
        """A run whose trainer was killed after its second checkpoint."""
        host = self._start(die_at="last_placed 2")
        self._watch(host, lambda: False)
        folder = self._folder()
        if folder is None or not has_checkpoint(folder.out):
            raise RuntimeError(f"there is no interrupted run: {(self.place.folder / 'host.log').read_text()}")
        return folder

    def finetune_again(self) -> list[str]:
        """What is wrong with a later run in the same output."""
        answer = self.place.call("finetune", str(self.place.config), "--set", "training.epochs=1", "--json")
        return [] if answer.exit_code == 0 else [f"a later run fails: {answer.stdout[-500:]} {answer.stderr[-500:]}"]

    # -- a run

    def _start(self, **options: object) -> subprocess.Popen[bytes]:
        self._known = self.place.all_runs()
        return self.place.start("finetune", str(self.place.config), **options)  # type: ignore[arg-type]

    def _folder(self) -> RunFolder | None:
        new = self.place.all_runs() - self._known
        return RunFolder(self.place.runs / min(new)) if new else None

    def _watch(self, host: subprocess.Popen[bytes], is_time: Callable[[], bool]) -> None:
        """Wait until it is time or the host is gone; meanwhile nothing but a model may be seen in best_val."""
        deadline = time.monotonic() + _LONGEST_RUN_S
        while host.poll() is None and not is_time():
            folder = self._folder()
            if folder is not None and folder.best_val.is_dir():
                self._strange |= {path.name for path in folder.best_val.iterdir()} - PARTS
            if time.monotonic() > deadline:
                raise RuntimeError("the run does not end")
            time.sleep(_LOOK_EVERY_S)

    def _moment(self, moment: str, seconds: float) -> Callable[[], bool]:
        began, later = time.monotonic(), 0.0
        if moment == STARTING:
            at = began + self._chance.uniform(_IMPORTS_S, max(_IMPORTS_S, 0.25 * seconds))
            return lambda: time.monotonic() > at
        if moment in (SAVING, ANNOUNCED, ENDING):
            wanted, met, was = self._chance.randint(1, 3), 0, False
            wait_s = self._chance.uniform(0, 0.2) if moment == SAVING else 0.0

            def has_come() -> bool:
                nonlocal met, was, later
                if later:
                    return time.monotonic() > later
                folder = self._folder()
                content = folder.events_file.read_bytes() if folder and folder.events_file.is_file() else b""
                if moment == SAVING:
                    # the first folder is that of the parts that stay the same
                    now = folder is not None and folder.saving.is_dir()
                    met, was = met + (now and not was), now
                    is_here = met > wanted
                elif moment == ANNOUNCED:
                    is_here = content.count(b'"kind":"checkpoint"') >= wanted
                else:
                    is_here = b'"kind":"finished"' in content
                later = time.monotonic() + wait_s if is_here else 0.0
                return is_here and wait_s == 0.0

            return has_come
        at = began + self._chance.uniform(_IMPORTS_S, 0.95 * seconds)
        return lambda: time.monotonic() > at

    def _send(self, kill: Kill, host: subprocess.Popen[bytes]) -> list[str]:
        number = signal.Signals[f"SIG{kill.signal.split()[0]}"]
        victims = [TRAINER, HOST] if kill.victim not in (TRAINER, HOST) else [kill.victim]
        pids = {TRAINER: self._trainer(), HOST: host.pid if host.poll() is None else None}
        reached = [who for who in victims if (pid := pids[who]) is not None and _signal(pid, number)]
        if kill.signal == "INT INT":
            time.sleep(0.5)  # a hand on a keyboard
            for who in reached:
                _signal(pids[who] or 0, number)
        if kill.signal == "STOP":
            time.sleep(_PAUSED_S)
            for who in reached:
                _signal(pids[who] or 0, signal.SIGCONT)
        return reached

    def _trainer(self) -> int | None:
        folder = self._folder()
        found = self.place.processes(folder.path) if folder is not None else []
        return found[0].pid if found else None

    def _wait_for_host(self, host: subprocess.Popen[bytes], outcome: Outcome) -> None:
        try:
            host.wait(_LONGEST_RUN_S)
        except subprocess.TimeoutExpired:
            outcome.broken.append("finetune does not end")
            host.kill()
            host.wait()

    def _end_without_host(self) -> str:
        """A trainer that goes on alone is killed, stopped, or left to its end; what was done is returned."""
        trainer, folder = self._trainer(), self._folder()
        if trainer is None or folder is None:
            return ""
        done = self._chance.choice(("killed later", "stopped", "left alone"))
        if done == "killed later":
            time.sleep(self._chance.uniform(0, 5))
            _signal(trainer, signal.SIGKILL)
        elif done == "stopped":
            self.place.call("stop", str(folder.path), "--grace", "60")
        deadline = time.monotonic() + _LONGEST_RUN_S
        while self._trainer() is not None and time.monotonic() < deadline:
            time.sleep(0.1)
        return done

    # -- and goes on

    def _resume(self, outcome: Outcome, undisturbed: Undisturbed) -> None:
        """Resume the run to its end, sometimes killed once more on the way, and hold it to the one nobody killed."""
        folder = self._folder()
        assert folder is not None
        if not has_checkpoint(folder.out):
            refused = self.place.call("resume", str(folder.path), "--json").last_json()
            outcome.resumed = str(refused.get("code"))
            outcome.broken += [] if refused.get("code") == "resume.none" else [f"without a checkpoint: {refused}"]
            return
        if self._chance.random() < _KILLED_AGAIN:
            outcome.resumed = "killed again, "
            host = self.place.start("resume", str(folder.path))
            at = time.monotonic() + self._chance.uniform(_IMPORTS_S, self._run_s)
            self._watch(host, lambda: time.monotonic() > at)
            for pid in (self._trainer(), host.pid):
                if pid is not None:
                    _signal(pid, signal.SIGKILL)
            host.wait()
            if self.place.call("show", str(folder.path), "--json").last_json().get("state") == "finished":
                outcome.broken += break_of_resumed(folder, undisturbed)
                return
        answer = self.place.call("resume", str(folder.path), "--json")
        outcome.resumed += "to its end" if answer.exit_code == 0 else "failed"
        if answer.exit_code != 0:
            outcome.broken.append(f"it cannot be resumed: {answer.stdout[-500:]} {answer.stderr[-500:]}")
            return
        record = folder.read()
        _epoch, wrong = break_of_model(folder, record, undisturbed)
        outcome.broken += [*wrong, *break_of_end(folder, record, "finished", "finished")]
        outcome.broken += break_of_resumed(folder, undisturbed)

    # -- what is left of it

    def _hold(self, host: subprocess.Popen[bytes], outcome: Outcome, undisturbed: Undisturbed) -> None:
        broken, folder = outcome.broken, self._folder()
        # the names, for a moment the kernel still ends what was killed
        deadline = time.monotonic() + 10
        while (left := self.place.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        broken += [f"a process is left: {process.pid}" for process in left]
        broken += [f"{name} was seen in best_val" for name in sorted(self._strange)]
        if folder is None:
            outcome.state = "no run yet"
            return
        listed = self.place.call("runs", str(self.place.runs), "--json").last_json().get("runs", [])
        shown = self.place.call("show", str(folder.path), "--json").last_json().get("state", "nothing")
        record = folder.read()
        outcome.state = record.state.value
        if record.error is not None:
            outcome.state += f" {record.error.code}"
        states = {run["run_id"]: run["state"] for run in listed}
        outcome.epoch, wrong = break_of_model(folder, record, undisturbed)
        broken += [*wrong, *break_of_end(folder, record, shown, states.get(folder.path.name, "nothing"))]
        broken += _break_of_exit(outcome, host.returncode, record.exit_code)


def _break_of_exit(outcome: Outcome, host_code: int, exit_code: int | None) -> list[str]:
    kill = outcome.kill
    if kill.at:
        is_there = outcome.state == "failed memory.out_of_memory"  # as every SIGKILL that somebody saw
        return [] if is_there else [f"it did not die there: {outcome.state}"]
    host_was_hit = HOST in outcome.reached
    if kill.signal == "STOP":
        return [] if outcome.state == "finished" else [f"a pause ended the run: {outcome.state}"]
    if host_was_hit and kill.signal == "KILL":
        return []
    if host_was_hit and kill.signal == "HUP":
        return [] if host_code == ExitCode.OK else [f"a closed terminal ended finetune with {host_code}"]
    expected = {"TERM": ExitCode.TERMINATED, "HUP": ExitCode.TERMINATED}.get(kill.signal, ExitCode.INTERRUPTED)
    broken = [] if host_code == exit_code else [f"finetune ended with {host_code}, run.json says {exit_code}"]
    if kill.signal != "KILL" and outcome.state != "finished" and exit_code != expected:
        broken.append(f"SIG{kill.signal} ended it with {exit_code} ({outcome.state})")
    return broken


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
