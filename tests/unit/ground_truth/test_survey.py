"""What is told of pages before anything is cut: which picture is meant, who read a line, what is left out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from loghi_contract.cut import Cut
from loghi_contract.lines import SkipReason
from loghi_contract.text import Normalization
from loghi_runner.config.choices import TextEquivChoice
from loghi_runner.findings import Finding
from loghi_runner.ground_truth.survey import Survey, survey_pages
from loghi_runner.pages.find import find_pages
from loghi_runner.pages.texts import TextOptions
from tests.unit.made_pages import MadeLine, draw_page, page_xml, write_page
from tests.unit.made_tiffs import MadePicture, write_tiff

TEXT = TextOptions(TextEquivChoice.LOWEST, (), False, Normalization.NFC)
MACHINE = '<TextEquiv index="1"><Unicode>tne mi11</Unicode></TextEquiv>'


def survey(folder: Path, text: TextOptions = TEXT) -> Survey:
    return survey_pages([find_pages(folder)], text, Cut.LOGHI, folder, lambda _done, _total: None)


def finding(found: Survey, code: str) -> Finding:
    return next(each for each in found.findings if each.code == code)


def write_xml(folder: Path, size: str) -> None:
    (folder / "page").mkdir()
    (folder / "page" / "p.xml").write_text(page_xml([MadeLine("l1")], size=size), encoding="utf-8")


def grey(width: int, height: int) -> MadePicture:
    return MadePicture(np.full((height, width), 230, np.uint8))


def test_the_picture_of_the_xmls_size_is_taken_from_a_tiff_of_several(tmp_path: Path) -> None:
    write_tiff(tmp_path / "p.tif", grey(700, 500), grey(600, 400))
    write_xml(tmp_path, 'imageWidth="600" imageHeight="400"')
    found = survey(tmp_path)
    assert found.pages[0].picture.place == 1
    assert "p.tif holds 2 pictures: number 2" in finding(found, "data.several_pictures").message


def test_the_first_picture_is_taken_where_all_are_of_one_size(tmp_path: Path) -> None:
    write_tiff(tmp_path / "p.tif", grey(600, 400), grey(600, 400))
    write_xml(tmp_path, 'imageWidth="300" imageHeight="200"')
    found = survey(tmp_path)
    assert found.pages[0].picture.place == 0
    assert "p.tif holds 2 pictures: the first is used" in finding(found, "data.several_pictures").message


def test_an_image_is_held_as_the_xml_has_it(tmp_path: Path) -> None:
    mark = Image.Exif()
    mark[0x0112] = 6
    draw_page(tmp_path / "p.png", [MadeLine("l1")])
    with Image.open(tmp_path / "p.png") as drawn:
        drawn.save(tmp_path / "p.jpg", exif=mark)
    (tmp_path / "p.png").unlink()
    write_xml(tmp_path, 'imageWidth="1200" imageHeight="800"')
    found = survey(tmp_path)
    assert found.pages[0].picture.as_stored
    assert "p.jpg" in finding(found, "data.orientation").message
    (tmp_path / "page" / "p.xml").write_text(page_xml([MadeLine("l1")], size='imageWidth="400" imageHeight="600"'))
    found = survey(tmp_path)
    assert not found.pages[0].picture.as_stored
    assert not any(each.code == "data.orientation" for each in found.findings)


def test_an_image_that_fits_in_no_way_is_left_out_with_both_sizes(tmp_path: Path) -> None:
    mark = Image.Exif()
    mark[0x0112] = 8
    Image.new("L", (600, 400), 230).save(tmp_path / "p.jpg", exif=mark)
    write_xml(tmp_path, 'imageWidth="600" imageHeight="600"')
    assert "has 400 x 600 or 600 x 400" in finding(survey(tmp_path), "data.page_failed").message


def test_lines_that_a_machine_read_are_counted_or_left_out(tmp_path: Path) -> None:
    write_page(tmp_path, "p", [MadeLine("l1", y=80), MadeLine("l2", y=160, inner=MACHINE)])
    found = survey(tmp_path)
    assert [line.sample.text for line in found.pages[0].lines] == ["some words", "tne mi11"]
    assert finding(found, "data.machine_read").message.startswith("1 line has a machine's reading only")
    found = survey(tmp_path, replace(TEXT, skip_machine_read=True))
    assert [line.sample.text for line in found.pages[0].lines] == ["some words"]
    assert [(line.image, line.reason) for line in found.pages[0].skipped] == [("p-l2.png", SkipReason.MACHINE_READ)]
