"""The run's record: every event written whole, or the run ends and says why."""

import os
from pathlib import Path

import pytest

from loghi_contract.event_lines import decode_event
from loghi_contract.events import Phase, Step
from loghi_trainer.errors import StorageError
from loghi_trainer.reporter import Reporter


def test_steps_are_thinned_to_one_a_second_whatever_the_wall_clock_says(tmp_path: Path) -> None:
    times = iter([0.0, 0.2, 0.9, 1.1])
    # a wall clock that is set back by an hour, and far ahead
    wall = iter([10_000.0, 6_400.0, 99_000.0])
    reporter = Reporter(
        tmp_path / "events.jsonl", None, "run", clock=lambda: next(wall), steady_clock=lambda: next(times)
    )

    for step in range(4):
        reporter.emit(Step(1, step, 4, 1.0, 1.0))
    reporter.emit(Phase("training"))
    reporter.close()

    events = [decode_event(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    assert [event.payload for event in events if event] == [
        Step(1, 0, 4, 1.0, 1.0),
        Step(1, 3, 4, 1.0, 1.0),
        Phase("training"),
    ]


def test_reader_of_stdout_that_goes_away_does_not_end_the_run(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb", buffering=0) as stdout:
        reporter = Reporter(tmp_path / "events.jsonl", stdout, "run")
        reporter.emit(Phase("training"))
        reporter.emit(Phase("evaluating"))
        reporter.close()

    assert (tmp_path / "events.jsonl").read_bytes().count(b"\n") == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full stands in for a full disk and is Linux's own")
def test_record_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").symlink_to("/dev/full")
    reporter = Reporter(tmp_path / "events.jsonl", None, "run")

    with pytest.raises(StorageError, match="No space left"):
        reporter.emit(Phase("training"))
    reporter.close()
