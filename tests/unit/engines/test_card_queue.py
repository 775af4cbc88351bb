"""Runs get cards in turn, all of theirs at once, and say what they wait for."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines import nvml
from loghi_runner.engines.base import Launch, Wish
from loghi_runner.engines.card_queue import CardQueue, Waiting, choose_here, find_waiter, runs_at_once, take_cards
from loghi_runner.engines.gpus import Card, Cards
from loghi_runner.engines.leases import Lease, lease_folder
from loghi_runner.errors import EngineError

A, B = Card("GPU-a", "H0", 16000, 15000, 0, "0"), Card("GPU-b", "H0", 16000, 12000, 0, "1")


class Machine:
    """Its cards as they are now; a clock; and how often the driver was asked."""

    def __init__(self) -> None:
        self.cards = Cards((A, B), "", "570.1")
        self.now_s = 0.0
        self.asked = 0

    def list_cards(self) -> Cards:
        self.asked += 1
        return self.cards

    def change(self, *cards: Card, lost: str = "") -> None:
        self.cards = Cards(cards, "", "570.1", (lost,) if lost else ())

    def queue(self, run_id: str, *uuids: str, count: int = 1) -> CardQueue:
        return CardQueue(launch(run_id, *uuids, count=count), clock=lambda: self.now_s, cards=self.list_cards)


def launch(run_id: str, *uuids: str, count: int = 1, wish: Wish | None = None) -> Launch:
    candidates = uuids or ("GPU-a", "GPU-b")
    run_dir = Path("/runs") / run_id
    return Launch(run_id, run_dir, "", DeviceKind.GPU, (), (), None, wish or Wish(), candidates, count)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(nvml, "list_cards", made.list_cards)
    return made


def had(queue: CardQueue) -> Lease:
    lease = queue.look()
    assert lease is not None
    return lease


def no_tickets() -> bool:
    return not list(lease_folder().path.glob("run-*"))


def test_a_free_card_is_taken_at_once_the_freest_first(machine: Machine) -> None:
    first, second = had(machine.queue("r1")), had(machine.queue("r2"))
    assert (first.uuids, second.uuids) == (("GPU-a",), ("GPU-b",))
    second.end()
    first.end()
    assert no_tickets()


def test_runs_wait_in_order_and_say_for_whom(machine: Machine) -> None:
    one, other = had(machine.queue("r1")), had(machine.queue("r2"))
    third, fourth = machine.queue("r3"), machine.queue("r4")
    assert (fourth.look(), third.look()) == (None, None)
    waiting = fourth.waiting()
    assert (waiting.position, waiting.of, waiting.summary) == (2, 2, "all 2 graphics cards are in use")
    assert third.waiting().position == 1
    assert waiting.reason.startswith("GPU 0 (H0) has run r1 of ")
    assert "GPU 1 (H0) has run r2 of " in waiting.reason
    other.end()
    assert fourth.look() is None
    assert had(third).uuids == ("GPU-b",)
    one.end()
    assert had(fourth).uuids == ("GPU-a",)


def test_a_program_without_a_lease_is_waited_for_and_named(machine: Machine) -> None:
    machine.change(replace(A, processes=1, pids=(os.getpid(),)))
    queue = machine.queue("r1", "GPU-a")
    assert queue.look() is None
    assert queue.waiting().reason.startswith("on GPU 0 (H0) computes ")
    assert f"(process {os.getpid()})" in queue.waiting().reason
    machine.change(A)
    machine.now_s += 1
    assert had(queue).uuids == ("GPU-a",)


def test_a_card_without_free_memory_is_waited_for_and_the_bound_is_told(machine: Machine) -> None:
    machine.change(replace(A, free_memory_mb=1000))
    queue = machine.queue("r1", "GPU-a")
    assert queue.look() is None
    assert queue.waiting().reason == "on GPU 0 (H0) only 1.0 GB of its memory are free, and 2.0 GB are needed"


def test_two_cards_come_at_once_and_none_is_held_meanwhile(machine: Machine) -> None:
    holder = had(machine.queue("r1"))
    both = machine.queue("r2", count=2)
    assert both.look() is None
    with lease_folder().deciding():
        assert lease_folder().leased(["GPU-b"]) == frozenset()
    late = machine.queue("r3")
    assert late.look() is None  # the card that is free is kept for the run before it
    assert late.waiting().reason.startswith("GPU 0 (H0) has run r1")
    holder.end()
    assert set(had(both).uuids) == {"GPU-a", "GPU-b"}


def test_two_runs_that_want_two_cards_do_not_block_each_other(machine: Machine) -> None:
    first, second = machine.queue("r1", count=2), machine.queue("r2", count=2)
    assert second.look() is None
    lease = had(first)
    assert second.look() is None
    lease.end()
    machine.now_s += 1
    assert len(had(second).uuids) == 2


def test_who_wants_a_certain_card_does_not_hold_up_the_others(machine: Machine) -> None:
    holder = had(machine.queue("r1"))
    wants_a = machine.queue("r2", "GPU-a")
    assert wants_a.look() is None
    assert had(machine.queue("r3")).uuids == ("GPU-b",)
    holder.end()
    assert had(wants_a).uuids == ("GPU-a",)


def test_a_waiting_run_that_was_stopped_is_passed_by(machine: Machine) -> None:
    """Ctrl+Z in a terminal must not keep a card from everybody."""
    stopped, next_one = machine.queue("r1", "GPU-a"), machine.queue("r2", "GPU-a")
    for _look in range(2):
        assert next_one.look() is None
        machine.now_s += 15
    assert next_one.look() is None
    machine.now_s += 15
    assert had(next_one).uuids == ("GPU-a",)
    stopped.leave()


def test_waiting_asks_the_driver_seldom(machine: Machine) -> None:
    lease = had(machine.queue("r1", "GPU-a"))
    queues = [machine.queue(f"r{number}", "GPU-a") for number in range(2, 12)]
    machine.asked = 0
    for _half_second in range(120):
        for queue in queues:
            assert queue.look() is None
        machine.now_s += 0.5
    assert machine.asked == len(queues)  # each once, to say who has the card
    lease.end()


def test_a_card_that_falls_off_while_it_is_waited_for_ends_the_waiting(machine: Machine) -> None:
    machine.change(replace(A, processes=1))
    queue = machine.queue("r1", "GPU-a")
    assert queue.look() is None
    machine.change(lost="card 0 does not answer (GPU is lost)")
    machine.now_s += 1
    with pytest.raises(EngineError) as caught:
        queue.look()
    assert (caught.value.code, caught.value.exit_code) == ("gpu.lost", 4)
    assert "GPU is lost" in caught.value.message


def test_one_card_that_falls_off_leaves_the_other_to_wait_for(machine: Machine) -> None:
    machine.change(replace(A, processes=1), replace(B, processes=1))
    queue = machine.queue("r1")
    assert queue.look() is None
    machine.change(B, lost="card 0 does not answer (GPU is lost)")
    machine.now_s += 1
    assert had(queue).uuids == ("GPU-b",)


def test_after_ten_minutes_it_says_how_to_go_on_without_waiting(machine: Machine) -> None:
    machine.change(replace(A, processes=1))
    queue = machine.queue("r1", "GPU-a")
    queue.look()
    assert queue.waiting().advice is None
    machine.now_s += 600
    queue.look()
    assert "gpus: auto-or-cpu" in queue.waiting().sentence()


def test_a_folder_that_was_emptied_is_filled_again(machine: Machine) -> None:
    holder = had(machine.queue("r1", "GPU-a"))
    queue = machine.queue("r2", "GPU-a")
    assert queue.look() is None
    for path in lease_folder().path.iterdir():
        path.unlink()
    lease_folder()
    holder.end()
    assert had(queue).uuids == ("GPU-a",)


# -- take_cards


def never(_waiting: Waiting) -> None:
    raise AssertionError


def no_pause() -> None:
    raise AssertionError


def raiser(error: type[BaseException]) -> Callable[[], None]:
    def pause() -> None:
        raise error

    return pause


def test_what_ends_the_waiting_leaves_no_trace(machine: Machine) -> None:
    machine.change(replace(A, processes=1), replace(B, processes=1))
    told: list[Waiting] = []
    with pytest.raises(KeyboardInterrupt):
        take_cards(launch("r1"), told.append, raiser(KeyboardInterrupt))
    assert [waiting.position for waiting in told] == [1]
    assert no_tickets()


def test_who_does_not_wait_is_refused_when_a_card_was_taken_since_the_plan(machine: Machine) -> None:
    machine.change(replace(A, processes=1), replace(B, processes=1))
    with pytest.raises(EngineError) as caught:
        take_cards(launch("r1", wish=Wish(wait=False)), never, no_pause)
    assert (caught.value.code, caught.value.exit_code) == ("gpu.in_use", 4)
    assert no_tickets()


def test_auto_or_cpu_does_not_wait(machine: Machine) -> None:
    machine.change(replace(A, processes=1), replace(B, processes=1))
    assert take_cards(launch("r1", wish=Wish(gpus="auto-or-cpu")), never, no_pause) is None
    assert no_tickets()


def test_the_plan_knows_which_cards_are_leased(machine: Machine) -> None:
    lease = had(machine.queue("r1"))
    assert choose_here(Wish()).uuids == ("GPU-b",)
    assert choose_here(Wish(gpus=2)).sentence.startswith("2 graphics cards, for which the run waits")
    lease.end()


@pytest.mark.parametrize(
    ("gpus", "runs"), [("auto", 2), (2, 1), (1, 2), ("none", 0), (["GPU-b"], 1), (["GPU-x"], 0), (3, 0)]
)
def test_so_many_runs_can_have_cards_at_once(machine: Machine, gpus: object, runs: int) -> None:
    assert runs_at_once(Wish(gpus=gpus)) == runs  # type: ignore[arg-type]  # as a config has it


def test_a_run_that_waits_is_found_by_its_ticket(machine: Machine) -> None:
    lease = had(machine.queue("r1"))
    queue = machine.queue("r2")
    assert (find_waiter("r2"), find_waiter("r1"), find_waiter("r9")) == (os.getpid(), None, None)
    queue.leave()
    lease.end()
