"""Passing wishes on to a trainer that can be read."""

import pytest

from loghi_runner.engines.base import Handle, ProcessEnd, Signal
from loghi_runner.errors import EngineError
from loghi_runner.runs.signals import Detached, StopWishes
from loghi_runner.runs.watch import Watch


class FakeEngine:
    """Ends when it is killed, or, unless it hangs, when it is asked."""

    name = "fake"

    def __init__(self, *, hangs: bool = False, is_deaf: bool = False, poll_every_s: float = 0.0) -> None:
        self.poll_every_s = poll_every_s
        self.polls = 0
        self.hangs = hangs
        self.is_deaf = is_deaf
        self.done: list[str] = []
        self.end: ProcessEnd | None = None

    def poll(self, handle: Handle) -> ProcessEnd | None:
        self.polls += 1
        return self.end

    def signal(self, handle: Handle, signal: Signal) -> None:
        if signal is Signal.KILL:
            self.done.append("kill")
            self.end = ProcessEnd(-9)
            return
        if self.is_deaf:
            raise EngineError("engine.docker_unreachable", "the daemon does not answer")
        self.done.append("interrupt")
        if not self.hangs:
            self.end = ProcessEnd(130)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def watch(engine: FakeEngine, wishes: StopWishes, notes: list[str] | None = None) -> Watch:
    clock = Clock()
    told = [] if notes is None else notes
    return Watch(engine, Handle("fake", "1"), wishes, told.append, clock=clock, sleep=clock.sleep)  # type: ignore[arg-type]


def test_one_wish_is_passed_on_once() -> None:
    engine, wishes = FakeEngine(hangs=True), StopWishes()
    wishes.stops = 1
    watched = watch(engine, wishes)
    watched.pass_on_wishes()
    watched.pass_on_wishes()
    assert engine.done == ["interrupt"]


def test_a_second_wish_kills() -> None:
    engine, wishes = FakeEngine(hangs=True), StopWishes()
    wishes.stops = 2
    watched = watch(engine, wishes)
    watched.pass_on_wishes()
    assert engine.done == ["interrupt", "kill"]
    assert watched.stops.killed


def test_a_trainer_that_hangs_after_its_last_event_is_killed() -> None:
    engine = FakeEngine(hangs=True)
    assert watch(engine, StopWishes()).wait_for_end() == ProcessEnd(-9)
    assert engine.done == ["kill"]


def test_a_closed_terminal_leaves_the_trainer_alone() -> None:
    engine, wishes = FakeEngine(), StopWishes()
    wishes.hung_up = True
    with pytest.raises(Detached):
        watch(engine, wishes).pause()
    assert engine.done == []


def test_a_daemon_that_cannot_be_asked_to_stop_is_told() -> None:
    engine, wishes, notes = FakeEngine(is_deaf=True), StopWishes(), []
    wishes.stops = 1
    watch(engine, wishes, notes).pass_on_wishes()
    assert notes[-1] == "it could not be asked to stop: the daemon does not answer"


def test_an_engine_whose_answers_cost_something_is_asked_as_seldom_as_it_says_while_the_run_goes_on() -> None:
    engine = FakeEngine(poll_every_s=1.0)
    watched = watch(engine, StopWishes())
    for _look in range(100):  # of 0.1 s
        assert not watched.has_ended()
        watched.pause()
    assert 10 <= engine.polls <= 11
    engine.end = ProcessEnd(0)
    assert watched.wait_for_end() == ProcessEnd(0)
    assert engine.polls <= 12
