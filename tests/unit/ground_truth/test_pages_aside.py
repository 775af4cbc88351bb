"""Validation pages are set aside whole and repeatably; images shared between splits are reported."""

import shutil

import pytest

from loghi_runner.findings import Severity
from loghi_runner.finetuning.plan import RunPlan
from tests.unit.made_project import Findings, Project, page


def pages_of(plan: RunPlan, split: str) -> set[str]:
    return {line.image.rpartition("/")[0] for line in plan.lists[split]}


@pytest.fixture
def many_pages(project: Project) -> Project:
    project.line_list("lines/train.txt", [line for number in range(12) for line in page(f"q{number:02}", 4)])
    project.values["data"] = {"train": "lines/train.txt", "test": "lines/test.txt"}
    return project


def test_without_a_validation_list_whole_pages_are_set_aside_and_said(many_pages: Project, ask: type[Findings]) -> None:
    plan = many_pages.plan()
    assert pages_of(plan, "train").isdisjoint(pages_of(plan, "val"))
    assert len(plan.lists["train"]) + len(plan.lists["val"]) == 48
    assert len(plan.lists["val"]) == 8
    finding = ask(plan.findings).one("data.split_by_page")
    assert finding.severity is Severity.INFO
    assert finding.message.startswith("there is no validation list: 2 pages are set aside for it, 8 lines of 48: q")
    assert finding.message.endswith("(of 12 pages, seed 1)")


def test_the_same_seed_sets_the_same_pages_aside_and_another_seed_others(many_pages: Project) -> None:
    first, again = many_pages.plan(), many_pages.plan()
    assert first.lists["val"] == again.lists["val"]
    assert any(many_pages.plan(f"training.seed={seed}").lists["val"] != first.lists["val"] for seed in (2, 3, 4))


def test_images_in_one_folder_are_split_by_the_page_in_their_name(project: Project) -> None:
    lines = [(f"all/page_{number}-line_{line}.png", "a b") for number in range(3) for line in range(3)]
    project.line_list("flat/train.txt", lines)
    project.values["data"] = {"train": "flat/train.txt"}
    plan = project.plan()
    names = {line.image.rpartition("/")[2].rpartition("-")[0] for line in plan.lists["val"]}
    assert len(names) == 1
    assert len(plan.lists["val"]) == 3


def test_a_small_page_is_set_aside_rather_than_most_of_the_lines(project: Project) -> None:
    project.line_list("lines/train.txt", page("big", 30) + page("small", 2))
    project.values["data"] = {"train": "lines/train.txt"}
    for seed in range(5):
        assert len(project.plan(f"training.seed={seed}").lists["val"]) == 2


def test_one_page_cannot_be_split(project: Project, ask: type[Findings]) -> None:
    project.line_list("lines/train.txt", page("p1", 5))
    project.values["data"] = {"train": "lines/train.txt"}
    finding = ask(project.plan().findings).one("data.one_page")
    assert (finding.severity, finding.where) == (Severity.ERROR, "data.validation")
    assert finding.hint == "Give data.validation a list of other lines, or add lines of another page."


def test_a_validation_image_that_is_also_trained_on_is_a_warning(project: Project, ask: type[Findings]) -> None:
    project.line_list("lines/val.txt", page("p3", 2) + page("p1", 1))
    finding = ask(project.plan().findings).one("data.leak")
    assert finding.severity is Severity.WARNING
    assert finding.where == "lines/val.txt:3"
    assert finding.message == (
        "1 of 3 validation images are also training images, so their score is too good; "
        f"the first is {project.folder}/lines/p1/p1-000.png"
    )


def test_a_copy_under_another_name_is_found_by_its_content(project: Project, ask: type[Findings]) -> None:
    shutil.copy(project.folder / "lines/p1/p1-001.png", project.folder / "lines/p4/p4-000.png")
    finding = ask(project.plan().findings).one("data.leak")
    assert finding.message.startswith("1 of 2 test images are also training images")


def test_a_link_to_a_training_image_is_found(project: Project, ask: type[Findings]) -> None:
    copy = project.folder / "lines/p3/p3-000.png"
    copy.unlink()
    copy.symlink_to(project.folder / "lines/p1/p1-001.png")
    assert "1 of 2 validation images" in ask(project.plan().findings).one("data.leak").message


def test_validating_only_on_training_images_is_an_error(project: Project, ask: type[Findings]) -> None:
    finding = ask(project.plan("data.validation=lines/train.txt").findings).one("data.leak")
    assert finding.severity is Severity.ERROR
    assert finding.message.startswith("all 6 validation images are also training images")


def test_test_lines_that_choose_the_best_epoch_are_a_warning(project: Project, ask: type[Findings]) -> None:
    finding = ask(project.plan("data.test=lines/val.txt").findings).one("data.leak")
    assert finding.severity is Severity.WARNING
    assert finding.message.startswith("all 2 test images are also validation images")


def test_different_images_of_one_size_share_nothing(project: Project, ask: type[Findings]) -> None:
    sizes = {path.stat().st_size for path in (project.folder / "lines").rglob("*.png")}
    assert len(sizes) < 10, "the made images must be alike in size for this test to mean something"
    assert "data.leak" not in ask(project.plan().findings).codes()
