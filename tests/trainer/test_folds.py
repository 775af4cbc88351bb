"""A small set validates with all of its lines, each read by a network that has not learnt it."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from loghi_contract.places import LAST
from loghi_contract.saved_epoch import read_saved_epoch
from tests.trainer.made_jobs import JobFolder, alike_texts, make_job
from tests.trainer.test_resuming import ask_to_resume, of_kind, run, table

pytest.importorskip("keras", reason="the trainer's packages are not installed")

pytestmark = pytest.mark.tf

LINES, FOLDS, EPOCHS = 12, 2, 3


def folded_job(root: Path, learning_rate: float = 0.02) -> JobFolder:
    job = make_job(
        root,
        vgsl="None,None,32,1 Cr3,3,8 Mp2,2,2,2 Bn Cr3,3,8 Mp2,2,2,2 Bn Rc3 Bl16 Fs92",
        train=alike_texts(LINES, 1),
        training={"epochs": EPOCHS, "learning_rate": learning_rate},
    )
    lists = job.root / "in/job/lists"
    (lists / "val.txt").write_bytes((lists / "train.txt").read_bytes())
    images = [row.split("\t")[0] for row in (lists / "train.txt").read_text().splitlines()]
    file = job.root / "in/job/job.json"
    folds = [images[number::FOLDS] for number in range(FOLDS)]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"folds": folds}))
    return job


def kill_in_the_second_fold() -> None:
    from loghi_trainer.folds import Folds

    train = Folds._train

    def _train(self: Folds, number: int, *rest: Any) -> object:
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return train(self, number, *rest)

    Folds._train = _train  # type: ignore[assignment,method-assign]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    job = folded_job(tmp_path_factory.mktemp("folds") / "run")
    assert run(job) == 0
    return job


def test_each_fold_is_scored_on_lines_that_it_did_not_learn(whole: JobFolder) -> None:
    told = [(fold.fold, fold.folds, fold.epoch, fold.epochs) for fold in of_kind(whole, "fold")]
    assert told == [(fold, FOLDS, epoch, EPOCHS) for fold in (1, 2) for epoch in range(1, EPOCHS + 1)]
    (summary,) = [each for each in of_kind(whole, "data_summary") if each.split == "val"]
    assert summary.lines == LINES


def test_the_epoch_table_has_the_scores_of_all_folds_together(whole: JobFolder) -> None:
    folds = of_kind(whole, "fold")
    rows = of_kind(whole, "epoch")
    assert [row.epoch for row in rows] == list(range(len(rows)))
    for row in rows[1:]:
        # all lines are equally long, and the folds equally large
        assert row.val_cer == pytest.approx(sum(fold.val_cer for fold in folds if fold.epoch == row.epoch) / FOLDS)
    best = min(sum(fold.val_cer for fold in folds if fold.epoch == epoch) / FOLDS for epoch in range(1, EPOCHS + 1))
    finished = of_kind(whole, "finished")[0]
    assert finished.best_val_cer == pytest.approx(min(best, rows[0].val_cer))


def test_the_last_model_has_learnt_all_lines_for_as_long_as_the_folds_found_best(whole: JobFolder) -> None:
    finished = of_kind(whole, "finished")[0]
    saved = read_saved_epoch(whole.out / "model/best_val/model.keras")
    assert saved is not None
    assert (saved.epoch, saved.val_cer) == (finished.best_epoch, finished.best_val_cer)
    # a fold learns half of the lines, in two steps
    assert of_kind(whole, "step")[-1].steps > 2


def test_the_language_model_is_judged_on_lines_that_it_has_not_learnt(whole: JobFolder) -> None:
    (told,) = of_kind(whole, "language_model")
    assert told.validation.lines == LINES
    assert told.validation.repeated < 1


def test_where_the_base_model_stays_the_best_nobody_knows_whether_the_language_model_helps(tmp_path: Path) -> None:
    """It has learnt the lines that the base model reads, and the folds are other models."""
    job = folded_job(tmp_path / "run", learning_rate=1e-12)
    assert run(job) == 0
    assert of_kind(job, "finished")[0].best_epoch == 0
    assert of_kind(job, "language_model")[0].validation is None
    assert "lm_text" not in (job.out / "report/val_lines.tsv").read_text().splitlines()[0]


def test_a_run_that_was_killed_among_its_folds_ends_as_if_it_had_not_been(whole: JobFolder, tmp_path: Path) -> None:
    job = folded_job(tmp_path / "run")
    assert run(job, kill_in_the_second_fold) == -signal.SIGKILL
    first = (job.out / LAST / "fold_1.json").read_bytes()
    ask_to_resume(job)
    assert run(job) == 0
    assert (job.out / LAST / "fold_1.json").read_bytes() == first
    assert table(job) == table(whole)
