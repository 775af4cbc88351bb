"""Lines without a text: found where the config says, and never one that the model is judged by."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from loghi_contract.cut import Cut
from loghi_contract.job import Split
from loghi_contract.text import Normalization
from loghi_runner.config.choices import TextEquivChoice, UnreadUse
from loghi_runner.config.schema import DataConfig
from loghi_runner.findings import Severity
from loghi_runner.ground_truth.collect import GroundTruth, collect_ground_truth
from loghi_runner.ground_truth.line_store import LineStore
from loghi_runner.ground_truth.unread import UnreadLines, read_unread
from loghi_runner.pages.texts import TextOptions
from tests.unit.made_pages import MadeLine, write_page
from tests.unit.made_project import Findings, Project, page

TEXTS = TextOptions(TextEquivChoice.LOWEST, (), False, Normalization.NFC)


def lines(text: str = "", at: int = 0) -> list[MadeLine]:
    """Two lines, for each page at other places."""
    return [MadeLine(f"l{number}", text, y=100 + 90 * number + at) for number in range(2)]


def write_truth(folder: Path, count: int = 4) -> None:
    for number in range(count):
        write_page(folder, f"p{number}", lines("some words", number), shade=230 - number)


def truth_of(data: DataConfig, folder: Path) -> GroundTruth:
    return collect_ground_truth(data, 1, folder, LineStore(folder / "runs", Cut.LOGHI, TEXTS))


def of_pages(folder: Path) -> GroundTruth:
    return truth_of(DataConfig.model_validate({"pages": str(folder)}), folder.parent)


def of_lists(folder: Path) -> DataConfig:
    return DataConfig.model_validate({"train": str(folder / "train.txt"), "validation": str(folder / "val.txt")})


def page_in(truth: GroundTruth, split: Split) -> str:
    assert truth.pages is not None
    return next(name for name, part in truth.pages.split.parts.items() if part is split)


def unread(truth: GroundTruth, *named: Path, auto: bool = False) -> UnreadLines:
    folder = named[0].parent if named else Path()
    store = LineStore(folder / "runs", Cut.LOGHI, TEXTS)
    return read_unread(UnreadUse.AUTO if auto else named, truth, store, folder, lambda _done, _total: None)


def errors(found: UnreadLines) -> list[str]:
    return Findings(found.findings).codes(Severity.ERROR)


def test_all_lines_of_a_folder_are_read_whatever_text_they_have(tmp_path: Path) -> None:
    write_truth(tmp_path / "pages")
    write_page(tmp_path / "more", "q0", lines(at=40))
    write_page(tmp_path / "more", "q1", lines("what a machine read", at=50))

    found = unread(of_pages(tmp_path / "pages"), tmp_path / "more")

    assert errors(found) == []
    assert [(line.image.name, line.sample.text) for line in found.lines] == [
        ("q0-l0.png", "?"),
        ("q0-l1.png", "?"),
        ("q1-l0.png", "?"),
        ("q1-l1.png", "?"),
    ]
    assert "4 lines on 2 pages" in Findings(found.findings).one("data.unread").message


def test_one_page_can_be_named_by_its_image_or_its_xml(tmp_path: Path) -> None:
    write_truth(tmp_path / "pages")
    for number in range(3):
        write_page(tmp_path / "more", f"q{number}", lines(at=40))

    found = unread(of_pages(tmp_path / "pages"), tmp_path / "more/q0.png", tmp_path / "more/page/q2.xml")

    assert [page.file.name for page in found.pages] == ["q0", "q2"]


def test_auto_takes_the_pages_to_learn_from_that_have_no_text(tmp_path: Path) -> None:
    write_truth(tmp_path / "pages")
    write_page(tmp_path / "pages", "q0", lines(at=40))

    found = unread(of_pages(tmp_path / "pages"), auto=True)

    assert [page.file.name for page in found.pages] == ["q0"]
    assert errors(found) == []


def test_auto_with_no_such_page_is_no_error(tmp_path: Path) -> None:
    write_truth(tmp_path / "pages")

    found = unread(of_pages(tmp_path / "pages"), auto=True)

    assert found.lines == ()
    assert Findings(found.findings).codes() == ["data.unread_none"]


def test_pages_that_are_learnt_from_are_left_out(tmp_path: Path) -> None:
    write_truth(tmp_path / "pages")
    truth = of_pages(tmp_path / "pages")
    write_page(tmp_path / "more", "q0", lines(at=40))
    shutil.copy(tmp_path / "pages" / f"{page_in(truth, Split.TRAIN)}.png", tmp_path / "more/copy.png")
    shutil.copy(tmp_path / "more/page/q0.xml", tmp_path / "more/page/copy.xml")

    found = unread(truth, tmp_path / "more")

    assert [page.file.name for page in found.pages] == ["q0"]
    assert "copy" in Findings(found.findings).one("data.unread_learnt").message


@pytest.mark.parametrize("split", [Split.VAL, Split.TEST])
@pytest.mark.parametrize("how", ["the folder itself", "a copy of the image", "saved anew"])
def test_a_page_that_judges_is_refused(tmp_path: Path, split: Split, how: str) -> None:
    write_truth(tmp_path / "pages")
    truth = of_pages(tmp_path / "pages")
    name = page_in(truth, split)
    (tmp_path / "more/page").mkdir(parents=True)
    if how == "a copy of the image":
        # under another name, and with other lines
        write_page(tmp_path / "more", "scan", lines(at=60))
        shutil.copy(tmp_path / "pages" / f"{name}.png", tmp_path / "more/scan.png")
    elif how == "saved anew":
        Image.open(tmp_path / "pages" / f"{name}.png").save(tmp_path / "more" / f"{name}.jpg", quality=60)
        shutil.copy(tmp_path / "pages/page" / f"{name}.xml", tmp_path / "more/page")
    named = tmp_path / ("pages" if how == "the folder itself" else "more")

    found = unread(truth, named)

    assert errors(found) == ["data.unread_judges"]


def test_another_page_of_the_same_name_is_no_overlap(tmp_path: Path) -> None:
    write_truth(tmp_path / "pages")
    truth = of_pages(tmp_path / "pages")
    write_page(tmp_path / "more", page_in(truth, Split.TEST), lines(at=60))

    assert errors(unread(truth, tmp_path / "more")) == []


def test_pages_of_listed_lines_that_judge_are_refused(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.line_list("train.txt", page("p1", 3))
    project.line_list("val.txt", [("q0/q0-l0.png", "some words")])
    truth = truth_of(of_lists(tmp_path), tmp_path)
    write_page(tmp_path / "more", "q0", lines(at=40))

    assert errors(unread(truth, tmp_path / "more")) == ["data.unread_judges"]


def test_listed_images_are_taken_but_for_those_of_the_run(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.line_list("train.txt", page("p1", 3))
    project.line_list("val.txt", page("p2", 2))
    project.line_list("unread.txt", [*page("p8", 2), *page("p1", 1)])
    project.line_list("judged.txt", [*page("p8", 2), ("p2/p2-007.png", "")])
    truth = truth_of(of_lists(tmp_path), tmp_path)

    found = unread(truth, tmp_path / "unread.txt")

    assert [line.image.name for line in found.lines] == ["p8-000.png", "p8-001.png"]
    assert errors(unread(truth, tmp_path / "judged.txt")) == ["data.unread_judges"]


def test_listed_images_of_the_old_hand_are_left_out_as_they_are_learnt_from(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.line_list("train.txt", page("p1", 3))
    project.line_list("val.txt", page("p2", 2))
    project.line_list("old.txt", page("p3", 2))
    project.line_list("unread.txt", [*page("p8", 2), *page("p3", 2)])
    truth = truth_of(of_lists(tmp_path).model_copy(update={"old_hand": (tmp_path / "old.txt",)}), tmp_path)

    found = unread(truth, tmp_path / "unread.txt")

    assert errors(found) == []
    assert [line.image.name for line in found.lines] == ["p8-000.png", "p8-001.png"]


def test_pages_of_the_old_hand_are_left_out_as_they_are_learnt_from(tmp_path: Path) -> None:
    write_truth(tmp_path / "pages")
    write_page(tmp_path / "old", "o0", lines("other words", 20), shade=200)
    data = {"pages": str(tmp_path / "pages"), "old_hand": [str(tmp_path / "old")]}
    truth = truth_of(DataConfig.model_validate(data), tmp_path)

    found = unread(truth, tmp_path / "old")

    assert not found.pages
    assert "o0" in Findings(found.findings).one("data.unread_learnt").message


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    write_truth(tmp_path / "pages")

    assert errors(unread(of_pages(tmp_path / "pages"), tmp_path / "nothing")) == ["data.no_pages_folder"]
