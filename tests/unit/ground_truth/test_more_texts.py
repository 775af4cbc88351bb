"""Texts for the language model alone: read from text files and XML, and refused where they hold what judges it."""

from dataclasses import replace
from pathlib import Path

import pytest

from loghi_contract.job import Split
from loghi_contract.lines import LineSample
from loghi_runner.findings import Severity
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.ground_truth.more_texts import MoreTexts, read_more_texts
from loghi_runner.pages.texts import ANY_TEXT
from tests.unit.made_pages import MadeLine, alto_xml, page_xml

JUDGED = ("Det var en mørk aften i november", "og regnen slog mod vinduerne", "da brevet endelig kom fra byen")


def judged_by(texts: tuple[str, ...], split: Split = Split.TEST) -> dict[Split, list[GroundTruthLine]]:
    images = [Path(f"/data/page_7/page_7-line_{number}.png") for number in range(len(texts))]
    lines = zip(images, texts, strict=True)
    return {split: [GroundTruthLine(LineSample(str(image), text, 1.0, ""), image, 9, 9) for image, text in lines]}


def codes(found: MoreTexts, severity: Severity = Severity.ERROR) -> list[str]:
    return [finding.code for finding in found.findings if finding.severity is severity]


def test_text_files_and_pages_give_a_text_a_line(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_bytes("\ufeffførste\r\n\r\n anden\tlinje \n".encode())
    pages = tmp_path / "pages/page"
    pages.mkdir(parents=True)
    (pages / "1.xml").write_text(page_xml([MadeLine("a", "tredje"), MadeLine("b", "", y=200)]))
    (pages / "2.xml").write_text(alto_xml([MadeLine("a", "fjerde")]))

    found = read_more_texts([tmp_path / "one.txt", tmp_path / "pages"], ANY_TEXT, {})

    assert found.texts == ("første", "anden linje", "tredje", "fjerde")
    [told] = found.findings
    assert told.message == "the language model also learns 4 lines of 3 files"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("gone.txt", None, "data.more_texts_missing"),
        ("latin.txt", "mørk".encode("latin1"), "data.more_texts_unreadable"),
        ("image.jpg", b"a\0b", "data.more_texts_unreadable"),
        ("empty.txt", b"\n \n", "data.more_texts_empty"),
    ],
)
def test_what_holds_no_text_is_refused(tmp_path: Path, name: str, content: bytes | None, code: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    assert codes(read_more_texts([tmp_path / name], ANY_TEXT, {})) == [code]


def test_of_a_line_list_the_texts_are_learnt_and_looked_at(tmp_path: Path) -> None:
    listed = "".join(f"images/line {number}.PNG\t{text}\n" for number, text in enumerate(JUDGED))
    (tmp_path / "list.txt").write_text(f"{listed}a.jpg\t0.5\tmed vægt\n")

    found = read_more_texts([tmp_path / "list.txt"], ANY_TEXT, {})
    refused = read_more_texts([tmp_path / "list.txt"], ANY_TEXT, judged_by(JUDGED))

    assert found.texts == (*JUDGED, "med vægt")
    assert codes(refused) == ["data.more_texts_judge"]


def test_xml_that_is_no_page_is_left_out_and_told(tmp_path: Path) -> None:
    (tmp_path / "mets.xml").write_text("<mets/>")
    (tmp_path / "page.xml").write_text(page_xml([MadeLine("a", "tekst")]))

    found = read_more_texts([tmp_path], ANY_TEXT, {})

    assert found.texts == ("tekst",)
    assert codes(found, Severity.WARNING) == ["data.more_texts_left_out"]


@pytest.mark.parametrize("split", [Split.VAL, Split.TEST])
def test_texts_that_hold_a_page_that_judges_are_refused_however_its_lines_are_broken(
    tmp_path: Path, split: Split
) -> None:
    text = "Noget andet. " + " ".join(JUDGED).upper().replace(" VINDUERNE", ", VINDUERNE") + " Slut."
    (tmp_path / "same.txt").write_text("\n".join([text[:50], text[50:]]))

    found = read_more_texts([tmp_path / "same.txt"], ANY_TEXT, judged_by(JUDGED, split))

    assert codes(found) == ["data.more_texts_judge"]
    assert "page_7" in found.findings[-1].message


def test_formulae_that_stand_on_every_page_are_no_overlap(tmp_path: Path) -> None:
    formula = "i henhold til den lov som gælder for alle borgere"
    (tmp_path / "others.txt").write_text(f"{formula}\nen anden sag om en hest\n{formula}\n")

    assert codes(read_more_texts([tmp_path / "others.txt"], ANY_TEXT, judged_by((*JUDGED, formula)))) == []


def test_training_lines_may_stand_in_them(tmp_path: Path) -> None:
    (tmp_path / "same.txt").write_text("\n".join(JUDGED))
    train = {Split.TRAIN: [replace(line) for line in judged_by(JUDGED)[Split.TEST]]}

    assert codes(read_more_texts([tmp_path / "same.txt"], ANY_TEXT, train)) == []
