"""Who may resume the run of a machine that cannot be seen from here: only after a minute without a sign of life."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from loghi_runner.engines.processes import machine_name, name_process
from loghi_runner.errors import UsageError
from loghi_runner.finetuning.take_turn import (
    WATCHED_S,
    give_back,
    is_out_of_sight,
    next_turn,
    require_silence,
    take_turn,
)
from loghi_runner.runs.folder import Host, RunFolder, RunRecord, RunState
from tests.unit.runs.test_folder import RECORD

ELSEWHERE = Host("node17", "12:34:another-boot")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path)
    folder.job_dir.mkdir()
    folder.out.mkdir()
    folder.write(replace(RECORD, host=ELSEWHERE))
    folder.events_file.touch()
    folder.beat_file.touch()
    return folder


class Watched:
    """A clock that only sleeping moves, and what happens meanwhile."""

    def __init__(self, happens: Callable[[], object] = int, at_s: float = WATCHED_S) -> None:
        self.now_s = 0.0
        self.notes: list[str] = []
        self._happens = happens
        self._at_s = at_s

    def __call__(self, folder: RunFolder) -> None:
        require_silence(
            folder, folder.read(), next_turn(folder), self.notes.append, clock=lambda: self.now_s, sleep=self._sleep
        )

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds
        if self.now_s - seconds < self._at_s <= self.now_s:
            self._happens()


def test_a_trainer_that_is_silent_for_a_minute_is_dead(folder: RunFolder) -> None:
    watched = Watched()
    watched(folder)
    assert watched.now_s == 60.0
    (told,) = watched.notes
    assert "is of node17, and its trainer cannot be seen from here" in told


@pytest.mark.parametrize("sign", ["beat", "event", "host in the queue", "another who resumes"])
def test_any_sign_of_life_refuses_it(folder: RunFolder, sign: str) -> None:
    file = {"beat": folder.beat_file, "event": folder.events_file, "host in the queue": folder.record_file}.get(sign)
    happens = file.touch if file is not None else lambda: take_turn(folder, 1)
    with pytest.raises(UsageError, match="goes on on node17") as refused:
        Watched(happens, at_s=59.0)(folder)
    assert refused.value.code == "resume.not_over"


def test_a_trainer_of_an_earlier_version_gives_no_sign_and_has_an_hour(folder: RunFolder) -> None:
    folder.beat_file.unlink()
    watched = Watched()
    with pytest.raises(UsageError, match="gives no sign of life"):
        watched(folder)
    assert watched.now_s == 0.0, "it is refused at once"
    os.utime(folder.events_file, (time.time() - 3700,) * 2)
    watched(folder)


def test_of_two_only_one_takes_the_turn_and_a_start_that_failed_gives_it_back(folder: RunFolder) -> None:
    assert next_turn(folder) == 1
    take_turn(folder, 1)
    with pytest.raises(UsageError) as refused:
        take_turn(folder, 1)
    assert refused.value.code == "resume.under_way"
    assert next_turn(folder) == 2
    give_back(folder, 1)
    assert next_turn(folder) == 1


HERE = Host(machine_name(), name_process(1))
RESTARTED = Host(machine_name(), "1:1:another-boot")


@pytest.mark.parametrize(
    ("host", "state", "expected"),
    [
        (ELSEWHERE, RunState.RUNNING, True),
        (ELSEWHERE, RunState.LOST, True),
        (ELSEWHERE, RunState.FAILED, False),
        (HERE, RunState.LOST, False),
        # heard of just now: a machine that was restarted would not have been
        (RESTARTED, RunState.LOST, True),
        (None, RunState.LOST, False),
    ],
)
def test_what_can_be_seen_from_here_is_not_waited_for(
    folder: RunFolder, host: Host | None, state: RunState, expected: bool
) -> None:
    record: RunRecord = replace(RECORD, host=host, state=state)
    assert is_out_of_sight(folder, record, 1) == expected


def test_a_turn_that_no_record_knows_of_is_somebody_at_work(folder: RunFolder) -> None:
    record = replace(RECORD, host=HERE, state=RunState.FAILED)
    # not within one tick of the file system's clock
    os.utime(folder.record_file, (1, 1))
    take_turn(folder, 1)
    assert is_out_of_sight(folder, record, 2)
    folder.write(record)
    assert not is_out_of_sight(folder, record, 2)
