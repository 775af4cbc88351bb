"""`next-pages` with a stand-in for the trainer, which reads with less confidence from line to line."""

import json
from pathlib import Path

import pytest

from tests.integration.conftest import Workplace, write_line_images
from tests.unit.made_pages import MadeLine, write_page, write_pages

OPTIONS = ("--engine", "local", "--gpus", "none")


@pytest.fixture
def pages(workplace: Workplace) -> Path:
    """One page transcribed, one in part, two not at all."""
    folder = workplace.folder / "pages"
    texts = {"p0": ("done", "done"), "p1": ("done", ""), "p2": ("", ""), "p3": ("", "")}
    for number, (name, (first, second)) in enumerate(texts.items()):
        write_page(folder, name, [MadeLine("a", first, 100), MadeLine("b", second, 200)], shade=200 + number)
    return folder


def test_the_least_confident_page_comes_first(workplace: Workplace, pages: Path) -> None:
    result = workplace.run("next-pages", "base", "pages", *OPTIONS)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "pages to transcribe next, the least confident first",
        "  confidence   lines  page",
        "      59.0 %       2  p3",
        "      66.7 %       2  p2",
        "      90.0 %  1 of 2  p1",
        "1 page is transcribed already.",
        "How confidence relates to errors is not known: the model is not in a run folder with test lines.",
    ]


def test_texts_of_a_machine_do_not_keep_a_page_out_when_asked(workplace: Workplace, pages: Path) -> None:
    result = workplace.run("next-pages", "base", "pages", "--with-text", "--json", *OPTIONS)
    ranked = json.loads(result.stdout)
    assert [page["page"] for page in ranked["pages"]] == ["p3", "p2", "p1", "p0"]
    assert ranked["transcribed"] == []


def test_confidence_is_measured_on_the_test_lines_of_the_models_own_run(workplace: Workplace, pages: Path) -> None:
    workplace.scenario = "learns_from_more"
    write_line_images(workplace.folder / "data" / "test", workplace.folder / "data" / "test.txt", 24)
    assert workplace.finetune("--set", "data.test=data/test.txt").returncode == 0
    result = workplace.run("next-pages", "last", "pages", *OPTIONS)
    assert "of 24 test lines, the least confident quarter has" in result.stdout


def test_pages_with_a_text_on_every_line_are_refused_with_a_way_out(workplace: Workplace) -> None:
    write_pages(workplace.folder / "pages", 2)
    result = workplace.run("next-pages", "base", "pages", *OPTIONS)
    assert result.returncode == 3
    assert "fix: If a machine wrote these texts, `loghi-runner next-pages --with-text` ranks the pages" in result.stderr


def test_a_folder_that_is_not_there_is_told(workplace: Workplace) -> None:
    result = workplace.run("next-pages", "base", "nowhere", *OPTIONS)
    assert (result.returncode, "there is no folder nowhere" in result.stderr) == (2, True)
