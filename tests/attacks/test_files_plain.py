"""Pipes, devices, sockets and links to themselves, wherever a file of somebody else is opened: never waited for."""

import os
import subprocess
from pathlib import Path

import pytest

from loghi_contract.cut import Cut
from loghi_contract.files import open_plain, read_plain
from loghi_contract.model_file import read_folder_marker, read_marker
from loghi_contract.model_folder import ModelFolderError, inspect_model_folder
from loghi_runner.config.load import load_config
from loghi_runner.cutting.image import PageImageError
from loghi_runner.cutting.pictures import page_pictures, read_page_image
from loghi_runner.errors import DataError, RunnerError
from loghi_runner.ground_truth.cut_pages import cut_pages
from loghi_runner.orders.lookup import Shelf
from loghi_runner.pages.find import find_pages
from loghi_runner.pages.read import read_page
from loghi_runner.pages.xml import PageError
from loghi_runner.runs.find import look_at_all
from loghi_runner.runs.run_report import write_run_report
from tests.attacks.hostile_files import ODD, never_waits, project, put, told  # noqa: F401  # fixtures
from tests.made_runs import make_run
from tests.made_service import MadeService
from tests.unit.made_pages import write_pages
from tests.unit.made_project import Project

KINDS = list(ODD)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_image_is_opened_only_where_it_is_a_file(tmp_path: Path, kind: str) -> None:
    put(kind, tmp_path / "p.png")
    for read in (page_pictures, read_page_image):
        with pytest.raises(PageImageError):
            read(tmp_path / "p.png")


@pytest.mark.parametrize("kind", KINDS)
def test_the_xml_of_a_page_is_opened_only_where_it_is_a_file(tmp_path: Path, kind: str) -> None:
    put(kind, tmp_path / "p.xml")
    with pytest.raises(PageError):
        read_page(tmp_path / "p.xml")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["p00.png", "page/p00.xml"])
def test_a_folder_of_pages_is_checked_to_its_end(project: Project, kind: str, name: str) -> None:  # noqa: F811
    write_pages(project.folder / "pages", 8)
    project.values["data"] = {"pages": "pages"}
    put(kind, project.folder / "pages" / name)
    plan = project.plan()
    assert plan.pages is not None
    assert len(plan.pages.survey.pages) == 7
    # as an image a folder is none: then its XML has no image
    assert "p00" in told(lambda: plan)


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_image_is_opened_only_where_it_is_a_file(project: Project, kind: str) -> None:  # noqa: F811
    put(kind, project.folder / "lines/p1/p1-000.png")
    (skipped,) = project.plan().skipped
    assert skipped[1].image == "p1/p1-000.png"
    assert skipped[1].detail


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_list_is_opened_only_where_it_is_a_file(project: Project, kind: str) -> None:  # noqa: F811
    put(kind, project.folder / "lines/test.txt")
    assert project.plan().errors


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["model.keras", "tokenizer.json"])
def test_a_base_model_is_opened_only_where_it_is_a_file(project: Project, kind: str, name: str) -> None:  # noqa: F811
    put(kind, project.folder / "base" / name)
    with pytest.raises((ModelFolderError, OSError)):
        inspect_model_folder(project.folder / "base")
    assert project.plan().errors


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_is_opened_only_where_it_is_a_file(tmp_path: Path, kind: str) -> None:
    put(kind, tmp_path / "config.yaml")
    with pytest.raises(RunnerError) as refused:
        load_config(tmp_path / "config.yaml", ())
    assert refused.value.code == "config.invalid"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_holds_no_model(tmp_path: Path, kind: str) -> None:
    put(kind, tmp_path / "x.mlmodel")
    assert read_marker(tmp_path / "x.mlmodel") is None
    put(kind, tmp_path / "loghi.json")
    assert read_folder_marker(tmp_path) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["run.json", "out/events.jsonl", "out/report/test_lines.tsv", "in/job.json"])
def test_looking_at_a_strange_run_folder_comes_to_an_end(tmp_path: Path, kind: str, name: str) -> None:
    folder, record = make_run(tmp_path)
    folder.write(record)
    put(kind, folder.path / name)
    looks, _broken = look_at_all(tmp_path, with_progress=True)
    assert len(looks) <= 1
    for look in looks:
        write_run_report(folder, look.record)
    assert folder.report_file.is_file() == bool(looks)


def test_a_link_to_itself_among_pages_hides_no_other_page(tmp_path: Path) -> None:
    write_pages(tmp_path / "pages", 2)
    (tmp_path / "pages" / "loop").symlink_to("loop")
    (tmp_path / "pages" / "loop.jpg").symlink_to("loop.jpg")
    assert len(find_pages(tmp_path / "pages").pages) == 2
    assert Shelf((tmp_path,)).page_folders() == ["pages"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("folder",)])
def test_the_service_refuses_a_folder_that_holds_anything_but_files(tmp_path: Path, kind: str) -> None:
    made = MadeService(tmp_path)
    order_id = made.order()
    put(kind, tmp_path / "pages/bonnevie/odd.jpg")
    error = made.until_over(order_id)["error"]
    assert error["code"] in ("request.odd_file", "request.link_outside")
    assert "odd.jpg" in error["message"]


def test_the_service_lets_links_that_stay_inside_be(tmp_path: Path) -> None:
    write_pages(tmp_path / "pages", 2)
    (tmp_path / "pages" / "again.png").symlink_to("p00.png")
    Shelf((tmp_path,)).require_confined(tmp_path / "pages")
    os.mkfifo(tmp_path / "pages" / "pipe")
    with pytest.raises(DataError, match="pipe is neither a file nor a folder"):
        Shelf((tmp_path,)).require_confined(tmp_path / "pages")


def test_a_waiting_writer_is_not_heard(tmp_path: Path) -> None:
    """A pipe with somebody at its other end can be opened at once; it is still no file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = subprocess.Popen(["sh", "-c", f"echo secret > '{pipe}'"])
    try:
        with pytest.raises(OSError, match="it is not a file"):
            open_plain(pipe)
    finally:
        writer.kill()
        writer.wait()


def test_a_file_without_end_is_read_to_its_limit_only(tmp_path: Path) -> None:
    with (tmp_path / "long").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="longer than 1 MB"):
        read_plain(tmp_path / "long", 1_000_000)


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o700), (0o027, 0o750), (0o022, 0o755)])
def test_what_is_cut_from_pages_is_as_open_as_the_umask_says(project: Project, umask: int, mode: int) -> None:  # noqa: F811
    write_pages(project.folder / "pages", 8, lines=1)
    project.values["data"] = {"pages": "pages"}
    found = project.plan().pages
    assert found is not None
    pages, place = found.survey.pages, project.folder / "cut"
    before = os.umask(umask)
    try:
        cut = cut_pages(pages, lambda page: place / page.file.name, cut=Cut.POLYGON, channels=4, workers=1)
    finally:
        os.umask(before)
    assert len(cut.pages) == 8
    for page in cut.pages.values():
        assert page.folder.stat().st_mode & 0o777 == mode
        for file in page.folder.iterdir():
            assert file.stat().st_mode & 0o777 == mode & 0o666
