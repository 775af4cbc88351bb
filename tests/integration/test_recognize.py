"""`loghi-runner recognize` with a stand-in trainer: what it is given, and what it leaves behind."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.unit.made_pages import write_pages

OPTIONS = ("--engine", "local", "--gpus", "none")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_list_becomes_loghis_results_file_in_the_lists_order(workplace) -> None:
    names = [line.split("\t")[0] for line in (workplace.folder / "data/val.txt").read_text().splitlines()][::-1]
    rows = [names[0], f"{names[1]}\ttekst", f"{names[2]}\t2.0\ttekst", "# a remark", "", names[0]]
    (workplace.folder / "data/mine.txt").write_text("\n".join(rows))
    result = workplace.run("recognize", "base", "data/mine.txt", "-o", "read", *OPTIONS, "--text", "--beam", "5")
    assert result.returncode == 0, result.stderr
    read = [row.split("\t") for row in (workplace.folder / "read/results.txt").read_text().splitlines()]
    assert [row[0] for row in read] == [names[0], names[1], names[2], names[0]]
    assert [row[2] for row in read] == [Path(row[0]).stem for row in read]
    assert all(0 <= float(row[1]) <= 1 for row in read)
    assert (workplace.folder / "read/text.txt").read_text().splitlines() == [row[2] for row in read]
    assert "read/results.txt" in result.stdout
    assert json.loads((workplace.folder / "read/recognized.json").read_text())["beam"] == 5


def test_a_folder_of_line_images_is_read_by_name(workplace) -> None:
    assert workplace.run("recognize", "base", "data/val", "-o", "read", *OPTIONS).returncode == 0
    read = (workplace.folder / "read/results.txt").read_text().splitlines()
    assert [row.split("\t")[0] for row in read] == [f"page_0/line_{number}.png" for number in range(6)]


def test_lines_that_cannot_be_read_are_named_and_the_others_are_read(workplace) -> None:
    val = workplace.folder / "data/val/page_0"
    (val / "line_1.png").rename(val / "unreadable.png")
    (val / "line_2.png").write_text("no image")
    rows = ["val/page_0/line_0.png", "val/page_0/unreadable.png", "val/page_0/line_2.png", "val/gone.png"]
    (workplace.folder / "data/mine.txt").write_text("\n".join(rows))
    result = workplace.run("recognize", "base", "data/mine.txt", "-o", "read", *OPTIONS)
    assert result.returncode == 3
    for name, why in ((rows[1], "cannot be read"), (rows[2], "cannot be decoded"), (rows[3], "does not exist")):
        assert any(name in line and why in line for line in result.stdout.splitlines()), (name, result.stdout)
    assert (workplace.folder / "read/results.txt").read_text().splitlines()[0].startswith("val/page_0/line_0.png\t")
    assert len(json.loads((workplace.folder / "read/recognized.json").read_text())["failed"]) == 3


def test_pages_keep_all_but_their_texts_and_the_originals_everything(workplace) -> None:
    write_pages(workplace.folder / "pages", 2)
    before = files(workplace.folder / "pages")
    result = workplace.run("recognize", "base", "pages", "-o", "read", *OPTIONS, "--text")
    assert result.returncode == 0, result.stderr
    assert files(workplace.folder / "pages") == before
    assert sorted(files(workplace.folder / "read")) == ["p00.txt", "p00.xml", "p01.txt", "p01.xml", "recognized.json"]
    assert "<Unicode>p00-l1</Unicode>" in (workplace.folder / "read/p00.xml").read_text()


def test_images_and_texts_can_be_looked_at_side_by_side(workplace) -> None:
    write_pages(workplace.folder / "pages", 2, lines=6)
    result = workplace.run("recognize", "base", "pages", "-o", "read", *OPTIONS, "--html")
    page = (workplace.folder / "read/recognized.html").read_text()
    assert page.count("data:image/webp;base64,") == 12
    assert "p01-l3" in page
    assert page.count("<strong>unsure:</strong>") == 1
    assert "http" not in page
    assert "read/recognized.html" in result.stdout


def test_only_a_folder_of_its_own_is_written_to(workplace) -> None:
    write_pages(workplace.folder / "pages", 2)
    precious = workplace.folder / "pages2" / "p00.xml"
    precious.parent.mkdir()
    precious.write_text("made by hand")
    refused = workplace.run("recognize", "base", "pages", "-o", "pages2", *OPTIONS)
    assert refused.returncode == 2
    assert "there are files in pages2 already" in refused.stderr
    assert precious.read_text() == "made by hand"
    assert workplace.run("recognize", "base", "pages", "-o", "pages/read", *OPTIONS).returncode == 2
    for _twice in range(2):
        assert workplace.run("recognize", "base", "pages", "-o", "read", *OPTIONS).returncode == 0


def test_a_page_that_cannot_be_written_is_named_and_the_others_are_kept(workplace) -> None:
    write_pages(workplace.folder / "pages", 2)
    assert workplace.run("recognize", "base", "pages", "-o", "read", *OPTIONS).returncode == 0
    (workplace.folder / "read/p00.xml").unlink()
    (workplace.folder / "read/p00.xml/in_the_way").mkdir(parents=True)
    (workplace.folder / "read/p01.xml").unlink()
    result = workplace.run("recognize", "base", "pages", "-o", "read", *OPTIONS)
    assert result.returncode == 4
    assert "p00: read/p00.xml cannot be written: Is a directory" in result.stdout
    assert (workplace.folder / "read/p01.xml").is_file()


def test_whole_pages_without_lines_are_not_taken_for_lines(workplace) -> None:
    (workplace.folder / "scans").mkdir()
    Image.new("L", (900, 1400)).save(workplace.folder / "scans/p0.jpg")
    result = workplace.run("recognize", "base", "scans", "-o", "read", *OPTIONS)
    assert result.returncode == 3
    assert "no XML tells their lines" in result.stderr


@pytest.mark.parametrize(
    ("model", "told"),
    [("bsae", "neither a model folder nor a run"), ("data", "no model"), ("last", "there are no runs in runs")],
)
def test_what_is_no_model_is_told(workplace, model, told) -> None:
    result = workplace.run("recognize", model, "data/val", "-o", "read", *OPTIONS)
    assert result.returncode in (2, 3)
    assert told in result.stderr


def test_a_run_stands_for_its_best_model(workplace) -> None:
    assert workplace.finetune().returncode == 0
    result = workplace.run("recognize", "last", "data/val", "-o", "read", *OPTIONS, "--json")
    assert result.returncode == 0, result.stderr
    record = json.loads((workplace.folder / "read" / "recognized.json").read_text(encoding="utf-8"))
    assert record["model"].endswith("out/model/best_val")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nowhere.txt", "there is no file or folder nowhere.txt"),
        ("empty", "there is no line image to read"),
        ("empty.txt", "there is no line image to read"),
        ("broken", "not well-formed XML"),
    ],
)
def test_what_cannot_be_read_is_told_and_leaves_no_folder(workplace, source, told) -> None:
    (workplace.folder / "empty").mkdir()
    (workplace.folder / "empty.txt").touch()
    write_pages(workplace.folder / "broken", 1)
    for xml in (workplace.folder / "broken").rglob("*.xml"):
        xml.write_text(xml.read_text()[:200])
    result = workplace.run("recognize", "base", source, "-o", "read", *OPTIONS)
    assert result.returncode == 3
    assert told in result.stderr
    assert "data.pages" not in result.stderr  # a config's key; there is no config
    assert not (workplace.folder / "read").exists()


def test_an_output_whose_path_no_list_can_hold_is_refused(workplace) -> None:
    write_pages(workplace.folder / "pages", 1)
    result = workplace.run("recognize", "base", "pages", "-o", "re\nad", *OPTIONS)
    assert result.returncode == 2
    assert "line break" in result.stderr
