"""The sample maker: what it writes, cuts and refuses, on one small page in the computer's own font."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from make_sample import main
from PIL import Image, ImageFont
from sample_maker import sentences_english, sentences_norwegian, words
from sample_maker.build import SampleMaker, ScannedPage
from sample_maker.cut import OUTSIDE_GREY, cut_line
from sample_maker.errors import FontError
from sample_maker.fonts import FetchedFont, fetch_font, missing_characters
from sample_maker.hands import BASE_HAND, NEW_HAND
from sample_maker.ink import VISIBLE_INK, Font, font_for_pen
from sample_maker.page_xml import NAMESPACE, page_xml
from sample_maker.pages import PageSize, WrittenPage, break_lines, write_page
from sample_maker.seeds import generator_for
from sample_maker.texts import Language, Paragraph, letter_pages, office_page

from loghi_contract.cut import Cut
from loghi_runner.ground_truth.line_store import cut_in

SMALL = PageSize(width_px=520, height_px=420, side_px=40, top_px=90, bottom_px=50)
TEXT = [Paragraph("Paid the smith, for a gate (oak) and 12 jugs; he was quite happy, by all we saw.")]
LANGUAGE_PATTERNS = {Language.NORWEGIAN: sentences_norwegian, Language.ENGLISH: sentences_english}


@pytest.fixture(scope="module")
def font() -> Font:
    font = ImageFont.load_default(40)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


@pytest.fixture
def maker(font: Font, tmp_path: Path) -> SampleMaker:
    fonts = [FetchedFont(source, font, "licence") for hand in (BASE_HAND, NEW_HAND) for source in hand.fonts]
    return SampleMaker(tmp_path, fonts, SMALL)


def _scan(maker: SampleMaker, stem: str = "office-01") -> ScannedPage:
    return maker.scan_page(stem, TEXT, Language.ENGLISH, BASE_HAND)


def _write(font: Font, line_limit: int) -> WrittenPage:
    random = generator_for("a page")
    pen = BASE_HAND.draw_pen(BASE_HAND.fonts[0], random)
    return write_page(TEXT, Language.ENGLISH, font, pen, SMALL, line_limit, random)


def test_polygon_contains_all_visible_ink(font: Font) -> None:
    page = _write(font, line_limit=1)

    inside = np.zeros(page.ink.shape, dtype=np.uint8)
    cv2.fillPoly(inside, [np.array(page.lines[0].polygon, dtype=np.int32)], (1,))

    assert len(page.lines) == 1
    assert (page.ink > VISIBLE_INK).any()
    assert not (page.ink[inside == 0] > VISIBLE_INK).any()


def test_baseline_runs_left_to_right_inside_the_polygon(font: Font) -> None:
    for line in _write(font, line_limit=3).lines:
        polygon = np.array(line.polygon, dtype=np.float32)
        xs = [x for x, _ in line.baseline]

        assert xs == sorted(xs)
        assert all(cv2.pointPolygonTest(polygon, (float(x), float(y)), False) >= 0 for x, y in line.baseline)


def test_lines_hold_every_word_in_order(font: Font) -> None:
    pen = BASE_HAND.draw_pen(BASE_HAND.fonts[0], generator_for("pen"))

    lines = break_lines(TEXT[0].text, font_for_pen(font, pen), pen, room_px=300.0)

    assert len(lines) > 1
    assert " ".join(lines) == TEXT[0].text


def test_same_name_gives_the_same_page_and_another_name_another(maker: SampleMaker) -> None:
    first, again, other = _scan(maker), _scan(maker), _scan(maker, "office-04")

    assert (first.jpeg, first.written.lines) == (again.jpeg, again.written.lines)
    assert first.jpeg != other.jpeg


def test_line_list_page_xml_and_images_agree(maker: SampleMaker, tmp_path: Path) -> None:
    page = _scan(maker)

    rows = [row.split("\t") for row in maker.write_lines(page, tmp_path)]
    xml = ElementTree.fromstring(page_xml(page.written, "office-01.jpg", SMALL))

    texts = [unicode.text for unicode in xml.iter(f"{{{NAMESPACE}}}Unicode")]
    assert [text for _, text in rows] == texts
    assert [Path(path).stem for path, _ in rows] == [
        f"office-01-{line.get('id')}" for line in xml.iter(f"{{{NAMESPACE}}}TextLine")
    ]
    for path, _ in rows:
        with Image.open(tmp_path / path) as image:
            assert (image.mode, image.height) == ("L", 64)


def test_a_record_beside_the_line_images_says_how_they_were_cut(maker: SampleMaker, tmp_path: Path) -> None:
    maker.write_lines(_scan(maker), tmp_path)

    assert cut_in(tmp_path / "lines" / "office-01") is Cut.POLYGON


def test_page_xml_has_its_children_in_the_schemas_order(maker: SampleMaker) -> None:
    xml = ElementTree.fromstring(page_xml(_scan(maker).written, "office-01.jpg", SMALL))

    def children(tag: str) -> list[str]:
        element = xml if tag == "PcGts" else next(xml.iter(f"{{{NAMESPACE}}}{tag}"))
        return [child.tag.removeprefix(f"{{{NAMESPACE}}}") for child in element]

    assert children("PcGts") == ["Metadata", "Page"]
    assert children("Metadata") == ["Creator", "Created", "LastChange"]
    assert children("Page") == ["ReadingOrder", "TextRegion"]
    assert children("TextRegion")[:2] == ["Coords", "TextLine"]
    assert children("TextLine") == ["Coords", "Baseline", "TextEquiv"]


def test_cut_keeps_the_inside_and_whitens_the_outside() -> None:
    page = np.random.default_rng(1).integers(0, 25, (120, 200), dtype=np.uint8) * np.uint8(8)
    # 64 px high: no scaling, so that every pixel can be compared
    polygon = ((20, 40), (90, 20), (170, 35), (150, 83), (60, 70))

    image = cut_line(page, polygon)

    corners = np.array(polygon, dtype=np.float32)
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            distance = cv2.pointPolygonTest(corners, (float(column + 20), float(row + 20)), True)
            if distance > 1.0:
                assert image[row, column] == page[row + 20, column + 20]
            elif distance < -1.0:
                assert image[row, column] == OUTSIDE_GREY


@pytest.mark.parametrize("language", list(Language))
def test_hands_share_no_sentence(language: Language) -> None:
    patterns = LANGUAGE_PATTERNS[language]
    groups = [patterns.OFFICE_SENTENCES, patterns.NEW_HAND_SENTENCES, patterns.NEW_CHARACTER_SENTENCES]

    sentences = [sentence for group in groups for sentence in group]

    assert len(set(sentences)) == len(sentences)


def test_base_hand_writes_all_its_characters() -> None:
    pages = [office_page(language, generator_for("office", number)) for number in range(20) for language in Language]

    assert {character for page in pages for part in page for character in part.text} == set(words.BASE_CHARACTERS)


@pytest.mark.parametrize("language", list(Language))
def test_every_page_keeps_to_the_characters_of_its_hand(language: Language) -> None:
    office = [office_page(language, generator_for("office", number)) for number in range(20)]
    letters = [page for number in range(20) for page in letter_pages(language, 4, generator_for("letter", number))]

    office_characters = {character for page in office for paragraph in page for character in paragraph.text}

    assert office_characters <= set(words.BASE_CHARACTERS)
    for page in letters:
        letter_characters = {character for paragraph in page for character in paragraph.text}
        assert letter_characters - set(words.BASE_CHARACTERS) == set(words.NEW_CHARACTERS)


def test_missing_characters_are_found(font: Font) -> None:
    assert missing_characters(font, "a b\ue123") == "\ue123"


def test_font_with_another_checksum_is_refused(tmp_path: Path) -> None:
    source = replace(NEW_HAND.fonts[0], package="@test/apple", version="1.0.0")
    with tarfile.open(tmp_path / "test-apple-1.0.0.tgz", "w:gz") as archive:
        for name in (source.file, "LICENSE"):
            member = tarfile.TarInfo(f"package/{name}")
            member.size = 4
            archive.addfile(member, io.BytesIO(b"fake"))

    with pytest.raises(FontError, match="sha256"):
        fetch_font(source, tmp_path)


def test_existing_sample_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lines").mkdir()

    assert main([str(tmp_path)]) == 1

    assert "--replace" in capsys.readouterr().err
