"""The sample as it is shipped: its lists, pages and line images fit together."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from sample_maker import words
from sample_maker.cut import cut_line
from sample_maker.hands import BASE_HAND, NEW_HAND
from sample_maker.page_xml import NAMESPACE
from sample_maker.pages import Point

SPLITS = ("train", "val", "test", "base_test")
SIZE_LIMIT_BYTES = 7_000_000


def _rows(sample_folder: Path, split: str) -> list[tuple[str, str]]:
    rows = [line.split("\t") for line in (sample_folder / f"{split}.txt").read_text(encoding="utf-8").splitlines()]
    return [(path, text) for path, text in rows]


def _page_file(sample_folder: Path, stem: str) -> Path:
    hand = BASE_HAND if stem.startswith(BASE_HAND.slug) else NEW_HAND
    return sample_folder / "pages" / hand.folder / f"{stem}.jpg"


def _xml_lines(sample_folder: Path, stem: str) -> dict[str, tuple[tuple[Point, ...], str]]:
    image = _page_file(sample_folder, stem)
    xml = ElementTree.parse(image.parent / "page" / f"{stem}.xml")
    lines = {}
    for line in xml.iter(f"{{{NAMESPACE}}}TextLine"):
        coords, text = line.find(f"{{{NAMESPACE}}}Coords"), line.find(f".//{{{NAMESPACE}}}Unicode")
        assert coords is not None
        assert text is not None
        corners = [corner.split(",") for corner in coords.attrib["points"].split()]
        lines[line.attrib["id"]] = tuple((int(x), int(y)) for x, y in corners), text.text or ""
    return lines


@pytest.mark.parametrize("split", SPLITS)
def test_lists_hold_the_texts_of_the_pages(sample_folder: Path, split: str) -> None:
    for path, text in _rows(sample_folder, split):
        stem, line_id = Path(path).stem.rsplit("-", 1)

        assert _xml_lines(sample_folder, stem)[line_id][1] == text


@pytest.mark.parametrize("split", SPLITS)
def test_line_images_are_grey_and_64_px_high(sample_folder: Path, split: str) -> None:
    for path, _ in _rows(sample_folder, split):
        with Image.open(sample_folder / path) as image:
            assert (image.mode, image.height) == ("L", 64)


def test_line_images_are_cut_by_the_polygons_of_the_page_xml(sample_folder: Path) -> None:
    rows = [row for split in SPLITS for row in _rows(sample_folder, split)[2::13]]
    assert len(rows) >= 20
    for path, _ in rows:
        stem, line_id = Path(path).stem.rsplit("-", 1)
        with Image.open(_page_file(sample_folder, stem)) as page, Image.open(sample_folder / path) as image:
            polygon, _ = _xml_lines(sample_folder, stem)[line_id]
            again = cut_line(np.asarray(page.convert("L"), dtype=np.uint8), polygon)
            shipped = np.asarray(image)

        assert again.shape == shipped.shape
        # another JPEG decoder may round a few pixels differently
        assert np.abs(again.astype(float) - shipped).mean() < 0.5


def test_splits_share_no_page(sample_folder: Path) -> None:
    pages = [{Path(path).parts[1] for path, _ in _rows(sample_folder, split)} for split in SPLITS]

    assert sum(map(len, pages)) == len(set().union(*pages))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_new_hand_has_characters_that_the_base_hand_lacks(sample_folder: Path, split: str) -> None:
    characters = {character for _, text in _rows(sample_folder, split) for character in text}

    assert characters - set(words.BASE_CHARACTERS) == set(words.NEW_CHARACTERS)


def test_new_hand_has_the_norwegian_letters(sample_folder: Path) -> None:
    assert set("æøåÆØÅ") <= {character for _, text in _rows(sample_folder, "train") for character in text}


def test_base_hand_keeps_to_the_base_characters(sample_folder: Path) -> None:
    characters = {character for _, text in _rows(sample_folder, "base_test") for character in text}

    assert characters <= set(words.BASE_CHARACTERS)


def test_every_font_has_its_licence_beside_the_sample(sample_folder: Path) -> None:
    for source in (*BASE_HAND.fonts, *NEW_HAND.fonts):
        slug = source.package.rsplit("/", 1)[1]

        assert (sample_folder / "fonts" / f"{slug}-LICENSE.txt").stat().st_size > 1000


def test_sample_stays_small(sample_folder: Path) -> None:
    own = [sample_folder / name for name in ("pages", "lines", "fonts")]

    assert sum(file.stat().st_size for folder in own for file in folder.rglob("*") if file.is_file()) < SIZE_LIMIT_BYTES
