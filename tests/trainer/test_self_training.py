"""Lines without a text that the trained model reads and learns: which ones, for whom, and after a kill as before it."""

import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from loghi_contract.exit_codes import ExitCode
from tests.trainer.made_jobs import JobFolder, alike_texts, make_job
from tests.trainer.test_resuming import ask_to_resume, kill_before, lines_tables, of_kind, run, state_of, table

pytest.importorskip("keras", reason="the trainer's packages are not installed")

pytestmark = pytest.mark.tf

KEYS: dict[str, Any] = {
    "vgsl": "None,None,32,1 Cr3,3,8 Mp2,2,2,2 Bn Cr3,3,16 Mp2,2,2,2 Bn Rc3 Bl32 Fs92",
    "train": alike_texts(20, 1),
    "test": alike_texts(4, 3),
    "unread": alike_texts(8, 9),
    "training": {"epochs": 5, "learning_rate": 0.03, "early_stopping": 0},
}


def readings(job: JobFolder) -> list[list[str]]:
    return [row.split("\t") for row in (job.out / "report/unread_lines.tsv").read_text().splitlines()[1:]]


def be_sure_of(least: float) -> None:
    from loghi_trainer import self_training

    self_training.LEAST_CONFIDENCE, self_training.FEWEST_CHARACTERS = least, 1


def kill_in_the_last_epochs() -> None:
    be_sure_of(0.0)
    kill_before(7, 3)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A run that nobody interrupts, and that is sure of whatever it reads."""
    job = make_job(tmp_path_factory.mktemp("whole") / "run", **KEYS)
    assert run(job, partial(be_sure_of, 0.0)) == ExitCode.OK, (job.root / "stderr").read_text()
    return job


def test_what_the_model_reads_is_learnt_after_the_other_epochs(whole: JobFolder) -> None:
    [told] = of_kind(whole, "self_training")

    assert (told.after_epoch, told.epochs, told.lines, told.taken) == (5, 2, 8, 8)
    assert [row[0] for row in table(whole)] == list(range(8))
    assert [epoch.epochs for epoch in of_kind(whole, "epoch")] == [5] * 6 + [7] * 2
    assert told.val_cer == min(row[2] for row in table(whole)[:6])
    rates = [row[5] for row in table(whole)]
    assert rates[6] < 0.001 < rates[1]
    found = readings(whole)
    assert [row[0] for row in found] == [f"/in/data/0/unread {number}.png" for number in range(8)]
    assert told.characters == sum(len(row[1]) for row in found)
    assert all(row[1] and row[3] == "yes" for row in found)


def test_validation_decides_whether_that_is_kept(whole: JobFolder) -> None:
    [finished] = of_kind(whole, "finished")
    rows = table(whole)

    assert finished.best_val_cer == min(row[2] for row in rows)
    assert finished.best_epoch == next(row[0] for row in rows if row[2] == finished.best_val_cer)


def test_a_run_killed_while_it_learns_them_ends_as_one_that_was_not(tmp_path: Path, whole: JobFolder) -> None:
    job = make_job(tmp_path / "run", **KEYS)
    assert run(job, kill_in_the_last_epochs) == -signal.SIGKILL
    ask_to_resume(job)

    # what was read is not read again, whatever the model is now
    assert run(job, partial(be_sure_of, 2.0)) == ExitCode.OK, (job.root / "stderr").read_text()

    assert table(job) == table(whole)
    assert of_kind(job, "self_training") == of_kind(whole, "self_training")
    assert state_of(job) == state_of(whole)
    assert lines_tables(job) == lines_tables(whole)


def test_a_model_that_is_sure_of_nothing_learns_nothing_more(tmp_path: Path, whole: JobFolder) -> None:
    shutil.copytree(whole.root, tmp_path / "run", ignore=shutil.ignore_patterns("stdout"))
    job = JobFolder(tmp_path / "run")
    ask_to_resume(job, epochs=8)

    assert run(job, partial(be_sure_of, 2.0)) == ExitCode.OK, (job.root / "stderr").read_text()

    told = of_kind(job, "self_training")[-1]
    assert (told.after_epoch, told.epochs, told.taken, told.confidence) == (8, 0, 0, None)
    assert table(job)[-1][0] == 8
