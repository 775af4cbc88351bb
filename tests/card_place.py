"""A workplace on a machine with stand-in graphics cards, and hosts there that are processes of their own."""

import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests import fake_nvml
from tests.card_trainer import CARDS_LOG, CARDS_VARIABLE
from tests.integration.conftest import ROOT, Result, Workplace, make_workplace

_LONGEST_WAIT_S = 60.0

T = TypeVar("T")


@dataclass(frozen=True)
class Use:
    """From when to when a run computed on a card; `end_ns` is None where its trainer never said so."""

    card: str
    run_id: str
    begin_ns: int
    end_ns: int | None


class _Workplace(Workplace):
    @property
    def own_environment(self) -> dict[str, str]:
        return super().own_environment | {
            CARDS_VARIABLE: str(self.folder / "cards"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }

    def run(self, *arguments: str) -> Result:
        os.environ |= self.own_environment  # for the stand-in driver
        fake_nvml.install()
        return super().run(*arguments)


@dataclass
class CardPlace:
    """`start` is a `finetune` of a process of its own, forked so that it need not import everything again."""

    folder: Path
    cards: tuple[str, ...] = ("GPU-a", "GPU-b")
    place: Workplace = field(init=False)
    hosts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        make_workplace(self.folder)
        self.place = _Workplace(self.folder, "on_cards", ROOT / "tests" / "card_trainer.py")
        config = self.place.config.read_text().replace("gpus: none", "gpus: auto")
        self.place.config.write_text(config)
        for card in self.cards:
            (self.folder / "cards" / card).mkdir(parents=True)

    # -- what a test does

    def start(self, *arguments: str) -> int:
        """The host's process id; what it says is in `said`."""
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.setsid()
                result = self.place.run("finetune", "config.yaml", "--json", *arguments)
                said = self._said_file(os.getpid())
                said.with_suffix(".new").write_text(result.stdout + result.stderr)
                said.with_suffix(".new").rename(said)
                code = result.returncode
            finally:
                os._exit(code)
        self.hosts.append(pid)
        return pid

    def start_and_wait_for(self, state: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        """A host whose run has come so far, and the run's record."""
        before = {record["run_id"] for record in self.records()}
        host = self.start(*arguments)

        def found() -> dict[str, Any] | None:
            fresh = [record for record in self.records() if record["run_id"] not in before]
            return next((record for record in fresh if record["state"] == state), None)

        record = self.until(found)
        if state == "running":
            self.until(lambda: [use for use in self.uses() if use.run_id == record["run_id"]])
        return host, record

    def hold(self) -> None:
        """Trainers that compute do not end from now on."""
        (self.folder / "cards" / "hold").touch()

    def let_go(self) -> None:
        (self.folder / "cards" / "hold").unlink()

    def say(self, card: str, **facts: object) -> None:
        """What the driver tells of a card from now on."""
        (self.folder / "cards" / card / "facts.json").write_text(json.dumps(facts))

    def ended(self, host: int) -> int:
        """The exit code of a host."""
        self.hosts.remove(host)
        _pid, status = os.waitpid(host, 0)
        return os.waitstatus_to_exitcode(status)

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        if pid in self.hosts:
            self.ended(pid)

    def close(self) -> None:
        for pid in [*self.hosts, *self.trainers()]:
            try:
                self.kill(pid)
            except ProcessLookupError:
                continue

    # -- what it sees

    def said(self, host: int) -> list[dict[str, Any]]:
        lines = self._said_file(host).read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def records(self) -> list[dict[str, Any]]:
        found = []
        for path in sorted((self.folder / "runs").glob("[!.]*/run.json")):
            try:
                found.append(json.loads(path.read_text()))
            except FileNotFoundError:
                continue  # it waits no more, and is gone
        return found

    def trainers(self) -> list[int]:
        """Those that the driver sees."""
        pids = {int(path.name) for card in self.cards for path in (self.folder / "cards" / card).glob("[0-9]*")}
        return [pid for pid in sorted(pids) if psutil.pid_exists(pid)]

    def uses(self) -> list[Use]:
        log = self.folder / "cards" / CARDS_LOG
        begun: dict[tuple[str, str], int] = {}
        ended: dict[tuple[str, str], int] = {}
        for line in log.read_text().splitlines() if log.exists() else ():
            at_ns, what, card, run_id = line.split()
            (begun if what == "begin" else ended)[card, run_id] = int(at_ns)
        found = [Use(card, run, at_ns, ended.get((card, run))) for (card, run), at_ns in begun.items()]
        return sorted(found, key=lambda use: use.begin_ns)

    def shared_cards(self) -> int:
        """How many times a run began on a card before another one had ended there; who was killed said no end."""
        by_card: dict[str, list[Use]] = defaultdict(list)
        for use in self.uses():
            by_card[use.card].append(use)
        return sum(
            before.end_ns is not None and after.begin_ns < before.end_ns
            for uses in by_card.values()
            for before, after in pairwise(uses)
        )

    def overtaken(self, order: list[str]) -> int:
        """How many later runs began before an earlier one at most.

        With two cards it may be one: of two runs that get a card at the same time either trainer may begin first.
        """
        begun = [use.run_id for use in self.uses()]
        assert sorted(begun) == sorted(order)
        return max(sum(order.index(run) > order.index(late) for run in begun[: begun.index(late)]) for late in order)

    def leftovers(self) -> list[str]:
        """Tickets in the lease folder, and trainers that live."""
        tickets = [path.name for path in (self.folder / "cache").rglob("run-*")]
        return [*tickets, *(f"trainer {pid}" for pid in self.trainers())]

    def until(self, look: Callable[[], T | None]) -> T:
        """What `look` gives as soon as it gives something."""
        deadline = time.monotonic() + _LONGEST_WAIT_S
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(0.02)
        raise TimeoutError

    def _said_file(self, host: int) -> Path:
        return self.folder / f"said-{host}.txt"
