"""When a run on a card is said to be lost, and when it is only slow."""

import pytest

from loghi_contract.events import Phase, Step
from loghi_runner.runs.card_watch import HUNG, CardWatch


class Machine:
    """A clock, and what the driver says of lost cards."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.said = ""
        self.asked = 0

    def __call__(self) -> float:
        return self.now_s

    def lost(self, _uuids: object) -> str:
        self.asked += 1
        return self.said


def stepping(machine: Machine, *, uuids: tuple[str, ...] = ("GPU-1",), every_s: float = 1.0) -> CardWatch:
    """A run in the middle of an epoch, with so long from step to step."""
    watch = CardWatch(uuids, clock=machine, lost=machine.lost)
    for step in range(1, 4):
        machine.now_s += every_s
        watch.event(Step(1, step, 10, 1.0, 8.0))
    return watch


def test_a_card_that_the_driver_lost_is_named_after_a_minute() -> None:
    machine = Machine()
    watch = stepping(machine)
    machine.said = "card 0 does not answer (GPU is lost)"

    machine.now_s += 59
    assert not watch.has_failed()
    machine.now_s += 2
    assert watch.has_failed()

    assert watch.failure is not None
    assert (watch.failure.code, watch.failure.exit_code) == ("gpu.lost", 4)
    assert "GPU is lost" in watch.failure.message


@pytest.mark.parametrize(("every_s", "patience_s"), [(1.0, 600.0), (60.0, 1200.0)])
def test_a_step_that_never_ends_is_a_card_that_hangs(every_s: float, patience_s: float) -> None:
    machine = Machine()
    watch = stepping(machine, every_s=every_s)

    machine.now_s += patience_s - 1
    assert not watch.has_failed()
    machine.now_s += 61
    assert watch.has_failed()

    assert watch.failure is not None
    assert watch.failure.code == HUNG
    assert "no training step has come" in watch.failure.message


def test_compiling_validating_and_processors_may_take_as_long_as_they_want() -> None:
    machine = Machine()
    first = CardWatch(("GPU-1",), clock=machine, lost=machine.lost)
    first.event(Phase("training"))
    validating = stepping(machine)
    validating.event(Step(1, 10, 10, 1.0, 8.0))
    on_processor = stepping(machine, uuids=())

    machine.now_s += 100_000

    assert not any(watch.has_failed() for watch in (first, validating, on_processor))
    assert machine.asked == 0
