"""How long a training is, where the config leaves it to the number of lines."""

import pytest

from loghi_runner.config.schema import TrainingConfig
from loghi_runner.findings import Severity
from loghi_runner.finetuning.schedule import check_epochs, training_spec
from tests.unit.made_project import Findings, Project, page


@pytest.mark.parametrize(("lines", "batch_size"), [(99, 4), (100, 8), (999, 8), (1000, 16), (4999, 16), (5000, 32)])
def test_batch_size_auto_follows_the_number_of_training_lines(lines: int, batch_size: int) -> None:
    assert training_spec(TrainingConfig(batch_size="auto"), lines).batch_size == batch_size
    assert training_spec(TrainingConfig(batch_size=3), lines).batch_size == 3


@pytest.mark.parametrize(
    ("lines", "epochs", "quick"), [(1, 80, 27), (50, 60, 20), (500, 30, 10), (5000, 15, 5), (10**6, 8, 3)]
)
def test_few_lines_are_gone_through_more_often(lines: int, epochs: int, quick: int) -> None:
    assert training_spec(TrainingConfig(), lines).epochs == epochs
    assert training_spec(TrainingConfig(epochs="quick"), lines).epochs == quick


def test_numbers_stay_what_they_are() -> None:
    spec = training_spec(TrainingConfig(epochs=7, early_stopping=3), 50)
    assert (spec.epochs, spec.early_stopping) == (7, 3)
    assert training_spec(TrainingConfig(early_stopping=0), 50).early_stopping == 0


@pytest.mark.parametrize(("epochs", "patience"), [(3, 5), (10, 5), (30, 15), (80, 40)])
def test_early_stopping_waits_for_half_of_the_epochs(epochs: int, patience: int) -> None:
    assert training_spec(TrainingConfig(epochs=epochs), 500).early_stopping == patience


def test_a_number_of_epochs_that_ends_far_too_early_is_told_with_what_auto_would_take() -> None:
    (finding,) = check_epochs(TrainingConfig(epochs=14), 500)
    assert finding.severity is Severity.INFO
    assert finding.message == "14 epochs are few for 500 training lines; `auto` takes 30"
    assert check_epochs(TrainingConfig(epochs=15), 500) == []
    assert check_epochs(TrainingConfig(epochs="quick"), 500) == []


def test_the_plan_goes_by_the_lines_that_are_learnt(project: Project) -> None:
    plan = project.plan("training.epochs=quick")
    lines = len(plan.lists["train"])
    assert plan.job.training == training_spec(TrainingConfig(epochs="quick"), lines)


def folded(project: Project, lines: int, **data: str) -> Project:
    project.line_list("train.txt", page("p1", lines))
    project.values["data"] = {"train": "train.txt", **data}
    return project


def test_with_folds_all_lines_are_learnt_and_each_is_held_out_once(project: Project) -> None:
    plan = folded(project, 10).plan("training.folds=5")
    assert plan.errors == ()
    assert plan.lists["val"] == plan.lists["train"]
    assert len(plan.lists["train"]) == 10
    held = [image for fold in plan.job.folds for image in fold]
    assert held == [line.image for line in plan.lists["train"]]
    assert len(plan.job.folds) == 5


def test_folds_without_enough_lines_or_beside_validation_lines_are_refused(project: Project) -> None:
    few = Findings(folded(project, 9).plan("training.folds=5").findings)
    assert few.one("data.folds").message == "9 lines are too few for 5 folds"
    beside = Findings(folded(project, 10, validation="val.txt").plan("training.folds=5").findings)
    assert "there is a list of these" in beside.one("data.folds").message


def test_folds_are_proposed_where_a_few_lines_would_choose_the_best_epoch(project: Project) -> None:
    project.line_list("train.txt", [*page("p1", 20), *page("p2", 5)])
    project.values["data"] = {"train": "train.txt"}
    finding = Findings(project.plan().findings).one("data.few_validation")
    assert finding.message.startswith("5 validation lines choose")
    assert finding.hint is not None
    assert "scores on all 25 lines" in finding.hint


@pytest.mark.parametrize("asked", ["data.straighten=auto", "training.unread=[unread.txt]"])
def test_what_validation_lines_decide_and_folds_exclude_each_other(project: Project, asked: str) -> None:
    (project.folder / "unread.txt").write_text("", encoding="utf-8")
    told = Findings(folded(project, 10).plan("training.folds=5", asked).findings).one("data.folds")
    assert asked.split("=")[0] in told.message
    assert told.severity is Severity.ERROR
