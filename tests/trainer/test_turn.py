"""A trainer gives a sign of life, and writes nothing more once its job is another's."""

import json
import os
from pathlib import Path

import pytest

from loghi_contract.events import Phase
from loghi_contract.exit_codes import ExitCode
from loghi_contract.places import BEAT_FILE, Places
from loghi_trainer.reporter import Reporter
from loghi_trainer.turn import Turn


class _Left(Exception):
    """In place of the end of the process."""


def leave(code: int) -> None:
    raise _Left(code)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "in/job").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "in/job/job.json").write_text(json.dumps({"resume": True}))
    return Places(tmp_path)


def take_over(places: Places) -> None:
    """As the host does it: the same job, perhaps to the letter."""
    job = places.root / "in/job/job.json"
    beside = job.with_name("new")
    beside.write_bytes(job.read_bytes())
    os.utime(beside, (1e9, 1e9))  # another time than that of a file written this moment
    beside.replace(job)


def test_the_sign_of_life_is_there_while_it_works_and_gone_at_its_end(places: Places) -> None:
    turn = Turn(places)
    turn.begin()
    assert (places.out / BEAT_FILE).is_file()
    turn.end()
    assert list(places.out.iterdir()) == []


def test_a_trainer_whose_run_another_goes_on_with_ends_before_it_writes(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    turn = Turn(places, leave=leave)
    reporter = Reporter(places.out / "events.jsonl", None, "run", require_turn=turn.require)
    reporter.emit(Phase("training"))
    before = (places.out / "events.jsonl").read_bytes()
    take_over(places)

    with pytest.raises(_Left) as left:
        reporter.emit(Phase("training"))

    assert left.value.args == (ExitCode.ENGINE,)
    assert (places.out / "events.jsonl").read_bytes() == before
    assert "another trainer goes on with this run" in capsys.readouterr().err
    reporter.close()


def test_a_run_folder_that_cannot_be_seen_is_nobody_elses(places: Places) -> None:
    turn = Turn(places, leave=leave)
    (places.root / "in/job/job.json").unlink()
    turn.require()
