"""`loghi-runner prepare` for real: made pages and the sample's, into Loghi's layout."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.integration.conftest import ROOT
from tests.unit.made_pages import MadeLine, page_xml, write_page, write_pages

SAMPLE = ROOT / "examples" / "sample" / "pages" / "new_hand"


def lists(out: Path) -> dict[str, list[list[str]]]:
    return {
        path.stem: [row.split("\t") for row in path.read_text(encoding="utf-8").splitlines()]
        for path in sorted(out.glob("training_all*.txt"))
    }


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_pages_become_loghis_layout(workplace) -> None:
    write_pages(workplace.folder / "pages", 8)
    before = snapshot(workplace.folder / "pages")
    result = workplace.run("prepare", "pages", "out")
    assert result.returncode == 0, result.stderr
    out = workplace.folder / "out"
    found = lists(out)
    assert list(found) == ["training_all", "training_all_test", "training_all_train", "training_all_val"]
    assert (
        len(found["training_all"]) == 32 == sum(len(found[f"training_all_{part}"]) for part in ("train", "val", "test"))
    )
    for image, text in found["training_all"]:
        path = Path(image)
        assert path.is_absolute()
        assert path.name.startswith(f"{path.parent.name}-l")
        assert path.with_suffix(".txt").read_text(encoding="utf-8") == text
        with Image.open(path) as picture:
            assert picture.mode == "RGBA"
    pages_of = {part: {Path(row[0]).parent for row in rows} for part, rows in found.items() if part != "training_all"}
    assert sum(map(len, pages_of.values())) == 8
    assert snapshot(workplace.folder / "pages") == before


def test_a_second_time_only_what_changed_is_cut(workplace) -> None:
    folder, out = workplace.folder / "pages", workplace.folder / "out"
    write_pages(folder, 6)
    workplace.run("prepare", "pages", "out")
    (out / "p00" / "notes.txt").write_text("mine")
    before = snapshot(out)
    xml = folder / "page" / "p03.xml"
    xml.write_text(xml.read_text().replace("line 0 of page 3", "another text"))
    result = workplace.run("prepare", "pages", "out", "--json")
    answer = json.loads(result.stdout)
    assert (answer["pages"], answer["reused"]) == (6, 5)
    after = snapshot(out)
    changed = {name.partition("/")[0] for name in after if after[name] != before.get(name) and "/" in name}
    assert changed == {"p03"}
    assert "p00/notes.txt" in after
    assert {name: part for name, (part, _) in before.items() if name == "split.tsv"}.keys() <= after.keys()


def test_a_broken_page_does_not_stop_the_others(workplace) -> None:
    folder = workplace.folder / "pages"
    write_pages(folder, 6)
    whole = (folder / "p01.png").read_bytes()
    (folder / "p01.png").write_bytes(whole[: len(whole) // 2])
    (folder / "page" / "p02.xml").write_text("<PcGts>")
    result = workplace.run("prepare", "pages", "out")
    assert result.returncode == 3
    assert "p02.xml is left out: it is not well-formed XML" in result.stderr
    assert "p01.png" in result.stdout
    assert len({row[0].split("/")[-2] for row in lists(workplace.folder / "out")["training_all"]}) == 4


def test_lines_left_out_are_counted_and_listed(workplace) -> None:
    folder = workplace.folder / "pages"
    write_pages(folder, 3)
    lines = [
        MadeLine("good", "fine", 60),
        MadeLine("unclear", "hm", 130, custom="unclear {offset:0; length:2;}"),
        MadeLine("empty", " ", 200),
        MadeLine("shapeless", "text", 270, baseline=False, outline=False),
    ]
    write_page(folder, "odd", lines)
    result = workplace.run("prepare", "pages", "out")
    assert result.returncode == 0
    assert "skipped     3 lines: 1 empty_text, 1 no_shape, 1 tagged" in result.stdout
    rows = (workplace.folder / "out" / "skipped_lines.tsv").read_text().splitlines()
    assert sorted(row.split("\t")[4] for row in rows[1:]) == ["empty_text", "no_shape", "tagged"]


def test_coordinates_of_an_image_of_twice_the_size_are_scaled(workplace) -> None:
    folder = workplace.folder / "pages"
    write_pages(folder, 3)
    size = 'imageWidth="300" imageHeight="200"'
    halved = page_xml([MadeLine("l", "text", 60)], size=size).replace("400,", "200,").replace("40,", "20,")
    (folder / "page" / "p00.xml").write_text(halved)
    result = workplace.run("prepare", "pages", "out")
    assert "the coordinates of 1 page are for an image of another size" in result.stderr
    with Image.open(workplace.folder / "out" / "p00" / "p00-l.png") as image:
        assert image.width > 350
    other = halved.replace('imageHeight="200"', 'imageHeight="900"')
    (folder / "page" / "p00.xml").write_text(other)
    result = workplace.run("prepare", "pages", "out")
    assert "it is for an image of 300 x 900 pixels, but p00.png has 600 x 400" in result.stderr


def test_ids_are_made_safe_and_unique(workplace) -> None:
    folder = workplace.folder / "pages"
    write_pages(folder, 2)
    write_page(folder, "odd", [MadeLine(i, "t", 60 + 60 * n) for n, i in enumerate(["a/b", "a/b", "", "ærlig"])])
    workplace.run("prepare", "pages", "out")
    names = sorted(path.name for path in (workplace.folder / "out" / "odd").glob("*.png"))
    assert names == ["odd-a_b.png", "odd-a_b_2.png", "odd-line_3.png", "odd-ærlig.png"]


def test_folders_that_would_mix_are_refused(workplace) -> None:
    write_pages(workplace.folder / "pages", 2)
    for out in ("pages/out", "."):
        result = workplace.run("prepare", "pages", out)
        assert result.returncode == 2
        assert "would lie in each other" in result.stderr


def test_a_folder_of_somebody_else_is_not_touched(workplace) -> None:
    write_pages(workplace.folder / "pages", 3)
    mine = workplace.folder / "out" / "p01" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")
    result = workplace.run("prepare", "pages", "out")
    assert result.returncode == 3
    assert "was not made by loghi-runner; nothing in it was touched" in result.stdout
    assert [path.name for path in mine.parent.iterdir()] == ["thesis.txt"]


def test_relative_lists_and_a_preview(workplace) -> None:
    write_pages(workplace.folder / "pages", 3)
    result = workplace.run("prepare", "pages", "out", "--relative", "--html", "--cut", "polygon", "--channels", "3")
    assert result.returncode == 0
    out = workplace.folder / "out"
    for image, _text in lists(out)["training_all"]:
        assert (out / image).is_file()
    html = (out / "preview.html").read_text(encoding="utf-8")
    assert html.count("<img ") == 12
    assert "http" not in html.replace("http://www.w3.org", "")


@pytest.mark.parametrize("argument", ["nowhere", "pages/page"])
def test_no_pages_is_told_with_the_expected_layout(workplace, argument: str) -> None:
    write_pages(workplace.folder / "pages", 2)
    result = workplace.run("prepare", argument, "out")
    assert result.returncode == 3
    assert not (workplace.folder / "out").exists()


def test_what_is_told_of_a_folder_names_it_and_no_config(workplace) -> None:
    write_pages(workplace.folder / "pages", 1)
    result = workplace.run("prepare", "pages", "lines")
    assert result.returncode == 0, result.stderr
    assert "warning: " in result.stderr
    assert "pages" in result.stderr
    assert "data.pages" not in result.stderr


def test_finetune_takes_pages_and_cuts_them_once(workplace) -> None:
    write_pages(workplace.folder / "pages", 7)
    workplace.config.write_text("base_model: base\ndata: {pages: pages}\noutput: runs\nengine: {kind: local}\n")
    first = workplace.run("finetune", "config.yaml", "--dry-run")
    assert first.returncode == 0, first.stderr + first.stdout
    assert not (workplace.folder / "runs").exists()
    assert workplace.finetune().returncode == 0
    run_dir = workplace.run_dir
    split = (run_dir / "out" / "report" / "split.tsv").read_text()
    assert split.count("\n") == 8
    store = workplace.folder / "runs" / ".prepared"
    record = workplace.record()
    assert sorted(record["prepared"]) == sorted(path.name for path in (store / "lines").iterdir())
    before = snapshot(store / "lines")
    shutil.rmtree(run_dir)
    write_page(workplace.folder / "pages", "p99", [MadeLine("new", "one more", 60)])
    assert workplace.finetune().returncode == 0
    after = snapshot(store / "lines")
    assert {name: after[name] for name in before} == before
    again = (workplace.run_dir / "out" / "report" / "split.tsv").read_text()
    assert set(split.splitlines()) <= set(again.splitlines())


def test_folds_learn_the_pages_that_would_validate_and_leave_the_split_as_it_is(workplace) -> None:
    write_pages(workplace.folder / "pages", 7)
    workplace.config.write_text("base_model: base\ndata: {pages: pages}\noutput: runs\nengine: {kind: local}\n")
    assert workplace.finetune("--set", "training.folds=3").returncode == 0
    parts = [row.split("\t")[0] for row in (workplace.run_dir / "out/report/split.tsv").read_text().splitlines()[1:]]
    assert set(parts) == {"train", "test"}
    lists = workplace.run_dir / "in/lists"
    assert (lists / "val.txt").read_bytes() == (lists / "train.txt").read_bytes()
    # another run may set the same pages aside again
    (remembered,) = (workplace.folder / "runs/.prepared").rglob("split*.tsv")
    assert "val\t" in remembered.read_text()


def test_clean_removes_line_images_that_no_run_uses(workplace) -> None:
    write_pages(workplace.folder / "pages", 6)
    workplace.config.write_text("base_model: base\ndata: {pages: pages}\noutput: runs\nengine: {kind: local}\n")
    workplace.finetune()
    lines = workplace.folder / "runs" / ".prepared" / "lines"
    assert workplace.run("clean", "runs", "--yes").returncode == 0
    assert len(list(lines.iterdir())) == 6
    shutil.rmtree(workplace.run_dir)
    result = workplace.run("clean", "runs", "--yes")
    assert "line images of 6 pages that no run uses" in result.stderr
    assert list(lines.iterdir()) == []


def test_the_sample_is_prepared_as_it_was_made(workplace) -> None:
    result = workplace.run("prepare", str(SAMPLE), "out", "--json")
    answer = json.loads(result.stdout)
    assert (answer["failed"], answer["skipped"]) == ({}, [])
    assert sum(answer["lines"].values()) == 206


def test_a_disk_that_takes_no_more_is_exit_4_and_the_earlier_lists_stay(workplace) -> None:
    """The write that fails is a stand-in: no disk with a quota can be had here."""
    write_pages(workplace.folder / "pages", 6)
    assert workplace.run("prepare", "pages", "out").returncode == 0
    before = lists(workplace.folder / "out")
    write_page(workplace.folder / "pages", "p09", [MadeLine("l1", "x" * 3000)])
    code = (
        "import errno, os, sys; from pathlib import Path; import loghi_runner.ground_truth.cut_pages as cut\n"
        "def full(*_): raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))\n"
        "cut.write_png = full\n"
        "from loghi_runner.cli.main import run; sys.exit(run(['prepare', 'pages', 'out', '--workers', '1']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=workplace.folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 4, ended.stderr
    assert "the disk quota is used up" in ended.stderr
    assert lists(workplace.folder / "out") == before


def test_pages_whose_names_are_no_utf8_are_cut_under_safe_names(workplace) -> None:
    write_pages(workplace.folder / "pages", 3)
    for place, suffix in (("pages", ".png"), ("pages/page", ".xml")):
        folder = workplace.folder / place
        (folder / f"p00{suffix}").rename(folder / f"{os.fsdecode(b'Caf' + bytes([0xE9]))}{suffix}")
    result = workplace.run("prepare", "pages", "out", "--html", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["lines"]["train"] > 0
    assert "Cafxe9" in {Path(row[0]).parent.name for row in lists(workplace.folder / "out")["training_all"]}


def test_an_output_that_no_list_could_name_is_refused_or_named_relatively(workplace) -> None:
    write_pages(workplace.folder / "pages", 3)
    out = os.fsdecode(b"K\xf6ln")
    assert workplace.run("prepare", "pages", out).returncode == 2
    assert workplace.run("prepare", "pages", out, "--relative").returncode == 0
