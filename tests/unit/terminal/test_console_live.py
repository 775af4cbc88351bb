"""What the live display shows, at the width of a small terminal."""

import io

import pytest
from rich.console import Console

from loghi_contract.events import Epoch, Event, Payload, Phase, Step
from loghi_runner.runs.progress import Progress
from loghi_runner.terminal.views import LiveRun


def screen(*payloads: Payload) -> list[str]:
    """The lines of the live region after these events, colours left out."""
    progress = Progress.of(Event(i, 60.0 * i, "run", payload) for i, payload in enumerate(payloads))
    target = io.StringIO()
    console = Console(file=target, width=80, highlight=False)
    live = LiveRun(console, progress)
    live.stop()
    target.truncate(0)
    target.seek(0)
    console.print(live.region())
    return target.getvalue().splitlines()


def test_many_steps_in_a_second_are_drawn_twice_a_second_and_an_epoch_at_once() -> None:
    target, progress, now_s = io.StringIO(), Progress(), 0.0
    console = Console(file=target, width=80, force_terminal=True, color_system=None)
    live = LiveRun(console, progress, clock=lambda: now_s)
    for number in range(1, 101):
        now_s = number / 10
        progress.add(Event(number, now_s, "run", Step(1, number, 100, 8.0, 14.0)))
        live.refresh(at_once=False)
    assert target.getvalue().count("lines/s") == pytest.approx(20, abs=1)
    progress.add(Event(101, now_s, "run", epoch(1, 0.2, is_best=True)))
    live.refresh()
    live.stop()
    assert "best CER 20.0 %" in target.getvalue()


def epoch(number: int, cer: float, *, is_best: bool) -> Epoch:
    return Epoch(number, 15, None, cer, 0.5, None, 60.0, is_best)


def test_before_the_first_step_it_says_what_is_done() -> None:
    assert screen(Phase("loading_model")) == ["loading the model ...", "Ctrl+C stops"]


def test_a_step_shows_where_it_is_and_how_fast() -> None:
    where, how = screen(epoch(0, 0.312, is_best=True), epoch(1, 0.2, is_best=True), Step(2, 30, 60, 8.314, 14.25))
    assert where.startswith("epoch 2/15 ")
    assert where.rstrip().endswith("step 30/60 loss 8.31 14.2 lines/s")
    assert how.rstrip() == "best CER 20.0 % (epoch 1)  at most 13:30 left  Ctrl+C stops"


def test_the_last_epoch_is_shown_when_it_is_not_the_best() -> None:
    told = screen(epoch(0, 0.3, is_best=True), epoch(1, 0.4, is_best=False), Step(2, 1, 60, None, 14.25))[1]
    assert "best CER 30.0 % (epoch 0)  last 40.0 %" in told


@pytest.mark.parametrize("epochs", [9999])
def test_large_numbers_still_fit_in_80_columns(epochs: int) -> None:
    row = Epoch(epochs - 1, epochs, 12345.678, 12.345, 99.99, None, 86399.0, False)
    lines = screen(epoch(0, 1.0, is_best=True), row, Step(epochs, 99999, 99999, 12345.678, 1234.5))
    assert len(lines) == 2
    assert max(map(len, lines)) <= 80
