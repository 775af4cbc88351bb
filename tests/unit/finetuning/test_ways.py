"""What is tried before a training: ways that the lines allow, each on lists of its own, in the time that is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from loghi_contract.job import DeviceKind, dump_job, load_job
from loghi_runner.config.file import ConfigError
from loghi_runner.config.load import load_config
from loghi_runner.finetuning.plan import RunPlan, make_plan
from loghi_runner.finetuning.ways import extra_epochs
from tests.unit.made_pages import MadeLine, page_xml, write_page, write_pages
from tests.unit.made_project import RUN_ID, Findings, Project


def plan_pages(project: Project, *overrides: str, outlines: bool = True) -> RunPlan:
    pages = project.folder / "pages"
    write_pages(pages, 3)
    if not outlines:
        for file in (pages / "page").iterdir():
            lines = [MadeLine(f"l{n}", f"line {n} of {file.stem}", 60 + 70 * n, outline=False) for n in range(4)]
            file.write_text(page_xml(lines))
    config = project.folder / "pages.yaml"
    config.write_text(f"base_model: base\ndata: {{pages: {pages}, cut: auto}}\noutput: runs\n")
    return make_plan(load_config(config, overrides), run_id=RUN_ID, device=DeviceKind.CPU)


def test_each_cut_has_lists_of_its_own(project: Project) -> None:
    plan = plan_pages(project)
    trials = plan.job.trials
    assert trials is not None
    assert [(way.name, way.cut, way.lists.train) for way in trials.ways] == [
        ("loghi", None, "/in/job/lists/train.txt"),
        ("polygon", "polygon", "/in/job/lists/polygon/train.txt"),
        ("straight", "straight", "/in/job/lists/straight/train.txt"),
    ]
    names = {name: [Path(line.image).name for line in plan.lists[name]] for name in ("val", "straight/val")}
    assert names["val"] == names["straight/val"]
    assert {line.image for line in plan.lists["val"]}.isdisjoint(line.image for line in plan.lists["straight/val"])
    assert load_job(dump_job(plan.job)) == plan.job
    assert extra_epochs(trials) == 6
    assert "cut polygon" in Findings(plan.findings).one("data.ways_to_try").message


def test_lines_beside_the_run_s_own_are_cut_in_every_way_too(project: Project) -> None:
    for shade, name in enumerate(("old", "unread")):
        lines = [MadeLine(f"l{n}", f"line {n} of {name}", 60 + 70 * n) for n in range(4)]
        write_page(project.folder / name, name, lines, shade=230 + shade)
    plan = plan_pages(project, "data.old_hand=[old]", "training.unread=[unread]")
    assert not plan.errors
    for split in ("old_hand", "unread"):
        ways = [plan.lists[f"{way}{split}"] for way in ("", "polygon/", "straight/")]
        assert len({line.image for lines in ways for line in lines}) == 3 * len(ways[0]) > 0
    assert len({store.page_folder(page) for store, pages in plan.sources for page in pages}) == 3 * (3 + 1 + 1)


def test_a_cut_that_the_pages_do_not_allow_is_not_tried(project: Project) -> None:
    plan = plan_pages(project, outlines=False)
    assert plan.job.trials is None
    assert "cut as loghi" in Findings(plan.findings).one("data.nothing_to_try").message


def test_lists_are_tried_as_they_are_and_straightened(project: Project) -> None:
    plan = project.plan("data.straighten=auto")
    trials = plan.job.trials
    assert trials is not None
    assert [(way.name, way.straighten) for way in trials.ways] == [("false", False), ("true", True)]
    assert {way.lists for way in trials.ways} == {plan.job.lists}
    assert project.plan("data.straighten=true").job.straighten
    assert "straighten" not in dump_job(project.plan().job), "an older trainer takes the job"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"pages": "pages", "straighten": True}, "cannot stand beside data.pages"),
        ({"train": "train.txt", "straighten": "sometimes"}, "must be true, false or auto"),
        ({"train": "train.txt", "cut": "straight"}, "says how pages are read"),
    ],
)
def test_what_cannot_be_done_is_told(project: Project, data: dict[str, object], told: str) -> None:
    project.values["data"] = data
    with pytest.raises(ConfigError) as caught:
        project.load()
    assert told in caught.value.problems[0].message


def test_nothing_is_tried_with_a_new_network(project: Project) -> None:
    project.values |= {"base_model": {"vgsl": "recommended"}, "data": {"train": "train.txt", "straighten": "auto"}}
    with pytest.raises(ConfigError) as caught:
        project.load()
    assert "there is no base model to try it with" in caught.value.problems[0].message


def test_the_time_that_is_told_counts_the_trials(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from loghi_runner.finetuning import speeds

    monkeypatch.setattr(speeds, "_known", lambda _plan: speeds.Speed(10.0, None, None, "2026-11-29"))
    plan = project.plan("data.straighten=auto", "training.epochs=4")
    longer = project.plan("training.epochs=8")
    assert speeds.estimate_of(plan) == speeds.estimate_of(longer)
    shorter = replace(plan, job=replace(plan.job, trials=None))
    assert speeds.estimate_of(shorter) != speeds.estimate_of(plan)
