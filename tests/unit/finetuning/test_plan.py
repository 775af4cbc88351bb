"""The plan decides job, lists and mounts, and writes nothing."""

import json
import os
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from loghi_contract.job import DeviceKind, ListsSpec, SelfTraining, dump_job, load_job
from loghi_runner.config.load import load_config
from loghi_runner.engines.mounts import choose_data_folders
from loghi_runner.findings import Severity
from loghi_runner.finetuning.plan import RunPlan, make_plan
from tests.unit.made_project import RUN_ID, Findings, Project, page

REAL_DATA = Path(__file__).parents[4] / "shared" / "data"
needs_real_data = pytest.mark.skipif(not REAL_DATA.is_dir(), reason=f"the real data is not there: {REAL_DATA}")


def snapshot(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def test_planning_writes_nothing(project: Project) -> None:
    loaded = project.load()
    before = snapshot(project.folder)
    make_plan(loaded, run_id=RUN_ID, device=DeviceKind.CPU)
    assert snapshot(project.folder) == before


def test_the_job_is_complete_and_survives_the_wire(project: Project) -> None:
    job = project.plan("training.batch_size=auto", "name=bonnevie_2").job
    assert load_job(dump_job(job)) == job
    assert (job.run_id, job.name, job.device, job.vgsl) == (RUN_ID, "bonnevie_2", DeviceKind.CPU, None)
    assert job.training.batch_size == 4
    assert job.lists == ListsSpec("/in/job/lists/train.txt", "/in/job/lists/val.txt", "/in/job/lists/test.txt", None)


def test_a_job_names_a_later_key_only_where_it_is_asked_for(project: Project) -> None:
    """An image of before takes every job that does not ask for what it cannot do."""
    job = project.plan().job
    asked = replace(job, resume=True, memory_kills=1)
    assert json.loads(dump_job(job)).keys().isdisjoint({"resume", "memory_kills", "more_texts"})
    assert json.loads(dump_job(asked)).keys() - json.loads(dump_job(job)).keys() == {"resume", "memory_kills"}
    assert load_job(dump_job(asked)) == asked


def test_lists_name_images_where_the_container_has_them(project: Project) -> None:
    plan = project.plan()
    assert [line.image for line in plan.lists["val"]] == [
        "/in/data/0/p3/p3-000.png",
        "/in/data/0/p3/p3-001.png",
    ]
    by_target = {mount.target: mount for mount in plan.mounts}
    assert by_target[PurePosixPath("/in/data/0")].source == project.folder / "lines"


def test_only_the_runs_out_folder_can_be_written_to(project: Project) -> None:
    plan = project.plan()
    run_dir = project.folder / "runs" / RUN_ID
    assert plan.run_dir == run_dir
    assert [(str(mount.target), mount.source, mount.read_only) for mount in plan.mounts] == [
        ("/in/data/0", project.folder / "lines", True),
        ("/in/base_model", project.folder / "base", True),
        ("/in/job", run_dir / "in", True),
        ("/out", run_dir / "out", False),
    ]


def test_mounts_are_real_paths_when_everything_is_linked(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("disk")
    (project.folder / "runs").symlink_to(elsewhere)
    (project.folder / "base").rename(elsewhere / "model")
    (project.folder / "base").symlink_to(elsewhere / "model")
    sources = {str(mount.target): mount.source for mount in project.plan().mounts}
    assert sources["/out"] == elsewhere / RUN_ID / "out"
    assert sources["/in/base_model"] == elsewhere / "model"


def test_training_from_scratch_mounts_no_base_model(project: Project, ask: type[Findings]) -> None:
    project.values["base_model"] = {"vgsl": "None,64,None,1 Cr3,3,24 Bl64 Fs92"}
    plan = project.plan()
    assert plan.job.vgsl == "None,64,None,1 Cr3,3,24 Bl64 Fs92"
    assert plan.base is None
    assert "/in/base_model" not in {str(mount.target) for mount in plan.mounts}
    assert plan.errors == ()
    ask(plan.findings).one("model.from_scratch")


def test_errors_come_before_warnings_and_explanations(project: Project) -> None:
    plan = project.plan("base_model=nowhere", "data.test=")
    severities = [finding.severity for finding in plan.findings]
    assert severities == sorted(severities, key=list(Severity).index)
    assert len(set(severities)) == 3


def test_skipped_lines_carry_their_split(project: Project) -> None:
    (project.folder / "lines/p3/p3-001.png").unlink()
    assert [(split, line.where) for split, line in project.plan().skipped] == [("val", "lines/val.txt:2")]


def images_in(folders: dict[str, list[str]]) -> list[tuple[str, Path]]:
    return [(name, Path(folder) / "x.png") for name, listed in folders.items() for folder in listed]


@pytest.mark.parametrize(
    ("folders", "mounted"),
    [
        ({"t": ["/srv/a/lines/p1", "/srv/a/lines/p2"]}, ["/srv/a/lines"]),
        # lists side by side say nothing about what else lies beside them
        ({"t": ["/srv/a/train"], "v": ["/srv/a/val"]}, ["/srv/a/train", "/srv/a/val"]),
        ({"t": ["/srv/a"], "v": ["/srv/a/val"]}, ["/srv/a"]),
        # never a home folder, nor what is above it, nor the machine's own folders
        ({"t": ["/home/me/p1", "/home/me/p2"]}, ["/home/me/p1", "/home/me/p2"]),
        ({"t": ["/data/me/p1", "/data/me/p2"]}, ["/data/me/p1", "/data/me/p2"]),
        ({"t": ["/srv/p1", "/srv/p2"]}, ["/srv/p1", "/srv/p2"]),
        ({"t": ["/p1", "/p2"]}, ["/p1", "/p2"]),
    ],
)
def test_few_folders_are_mounted_and_none_too_wide(folders: dict[str, list[str]], mounted: list[str]) -> None:
    chosen = choose_data_folders(images_in(folders), [Path("/data/me")])
    assert [str(folder) for folder in chosen.folders] == mounted
    assert chosen.refused == ()


@pytest.mark.parametrize("folder", ["/", "/home", "/home/other", "/data/me", "/data", "/tmp"])
def test_images_directly_in_a_wide_folder_are_refused(folder: str) -> None:
    assert choose_data_folders(images_in({"t": [folder]}), [Path("/data/me")]).refused == (Path(folder),)


def real_plan(tmp_path: Path, base_model: str, **data: str) -> RunPlan:
    lists = "\n".join(f"  {key}: {REAL_DATA / value}" for key, value in data.items())
    config = tmp_path / "real.yaml"
    config.write_text(f"base_model: {REAL_DATA / base_model}\noutput: runs\ndata:\n{lists}\n")
    return make_plan(load_config(config), run_id=RUN_ID, device=DeviceKind.CPU)


@needs_real_data
def test_the_real_target_pages_are_planned_whole(tmp_path: Path, ask: type[Findings]) -> None:
    plan = real_plan(
        tmp_path,
        "base_model",
        train="target_lines/train.txt",
        validation="target_lines/val.txt",
        test="target_lines/test.txt",
        base_domain="base_domain_lines/test.txt",
    )
    assert {split: len(lines) for split, lines in plan.lists.items()} == {
        "train": 492,
        "val": 118,
        "test": 123,
        "base_domain": 155,
    }
    assert plan.skipped == ()
    assert ask(plan.findings).codes(Severity.ERROR) == []
    assert plan.base is not None
    assert (plan.base.height_px, plan.base.channels, len(plan.base.tokenizer.characters)) == (64, 1, 91)
    sources = {str(mount.target): mount.source for mount in plan.mounts}
    places = {line.image for lines in plan.lists.values() for line in lines}
    assert len(places) == 888
    for place in places:
        _, _in, _data, number, *rest = place.split("/")
        assert os.path.exists(sources[f"/in/data/{number}"].joinpath(*rest))  # noqa: PTH110  # 888 of them


@needs_real_data
def test_a_real_keras_2_model_is_accepted_and_announced(tmp_path: Path, ask: type[Findings]) -> None:
    plan = real_plan(tmp_path, "legacy_models/charlist_v3", train="target_lines/train.txt")
    assert plan.errors == ()
    assert ask(plan.findings).one("model.keras2").severity is Severity.INFO
    assert {line.image.split("/")[-2] for line in plan.lists["val"]}.isdisjoint(
        line.image.split("/")[-2] for line in plan.lists["train"]
    )


@needs_real_data
def test_a_real_saved_model_is_refused_with_the_conversion(tmp_path: Path, ask: type[Findings]) -> None:
    plan = real_plan(tmp_path, "legacy_models/saved_model_v2", train="target_lines/train.txt")
    assert [finding.code for finding in plan.errors] == ["model.saved_model"]


@pytest.mark.parametrize(("epochs", "unread", "last"), [(15, 3, 8), (15, 30, 5), (2, 30, 2)])
def test_unread_lines_are_learnt_about_as_long_as_the_others(
    project: Project, epochs: int, unread: int, last: int
) -> None:
    project.line_list("lines/unread.txt", page("p8", unread))

    plan = project.plan("training.unread=lines/unread.txt", f"training.epochs={epochs}")

    assert plan.job.self_training == SelfTraining(last, plan.job.training.learning_rate / 2)
    assert [line.text for line in plan.lists["unread"]] == ["?"] * unread
    assert plan.job.epochs == epochs + last
    assert load_job(dump_job(plan.job)) == plan.job
