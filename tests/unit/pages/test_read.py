"""PAGE XML and ALTO into pages, in all their forms; everything else is refused in a sentence."""

import contextlib
import hashlib
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loghi_runner.pages.model import Page, PageLine
from loghi_runner.pages.read import read_page
from loghi_runner.pages.xml import BadPoints, PageError, parse_points
from tests.shared_data import shared_data
from tests.unit.made_pages import PAGE_2013, MadeLine, alto_xml, page_xml


def read(tmp_path: Path, content: str | bytes) -> Page:
    path = tmp_path / "p.xml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_page(path)


def refusal(tmp_path: Path, content: str | bytes) -> PageError:
    with pytest.raises(PageError) as caught:
        read(tmp_path, content)
    assert str(caught.value)
    return caught.value


def only_line(page: Page) -> PageLine:
    (line,) = page.lines
    return line


@pytest.mark.parametrize(
    ("namespace", "prefix"),
    [
        (PAGE_2013, ""),
        (PAGE_2013, "pc"),
        ("https://schema.primaresearch.org/PAGE/gts/pagecontent/2017-07-15", ""),
        ("http://schema.primaresearch.org/PAGE/gts/pagecontent/2010-03-19", "ns0"),
    ],
)
def test_every_version_and_prefix_reads_the_same(tmp_path: Path, namespace: str, prefix: str) -> None:
    page = read(tmp_path, page_xml([MadeLine("l1", "fyrste linja")], namespace=namespace, prefix=prefix))
    line = only_line(page)
    assert (page.image_name, page.width, page.height) == ("p.png", 600, 400)
    assert (line.id, line.texts[0].text, line.number) == ("l1", "fyrste linja", 5)
    assert line.baseline == ((40.0, 100.0), (400.0, 100.0))
    assert len(line.outline) == 4


def test_lines_in_tables_and_regions_in_regions_are_read_in_order(tmp_path: Path) -> None:
    inner = page_xml([MadeLine("a"), MadeLine("b"), MadeLine("c")])
    nested = inner.replace('<TextLine id="b"', '<TableRegion><TableCell><TextRegion><TextLine id="b"').replace(
        '</TextLine>\n<TextLine id="c"', '</TextLine></TextRegion></TableCell></TableRegion>\n<TextLine id="c"'
    )
    assert [line.id for line in read(tmp_path, nested).lines] == ["a", "b", "c"]


def test_all_texts_of_a_line_and_its_words_are_kept(tmp_path: Path) -> None:
    texts = (
        '<Word id="w"><TextEquiv><Unicode>ordet</Unicode></TextEquiv></Word>'
        '<TextEquiv index="1" conf="0.5"><Unicode>machine</Unicode></TextEquiv>'
        '<TextEquiv index="0"><PlainText>plain</PlainText><Unicode/></TextEquiv>'
    )
    line = only_line(read(tmp_path, page_xml([MadeLine("l", inner=texts)])))
    assert [(text.text, text.index, text.confidence, text.plain) for text in line.texts] == [
        ("machine", 1, 0.5, ""),
        ("", 0, None, "plain"),
    ]
    assert line.words[0][0].text == "ordet"


def test_glyphs_stand_in_for_a_word_without_text(tmp_path: Path) -> None:
    glyphs = "".join(
        f'<Glyph id="g{letter}"><TextEquiv><Unicode>{letter}</Unicode></TextEquiv></Glyph>' for letter in "ord"
    )
    line = only_line(read(tmp_path, page_xml([MadeLine("l", inner=f'<Word id="w">{glyphs}</Word>')])))
    assert line.words[0][0].text == "ord"


def test_points_of_page_2010_are_elements(tmp_path: Path) -> None:
    points = '<Baseline><Point x="1" y="2"/><Point x="30" y="4"/></Baseline>'
    line = only_line(read(tmp_path, page_xml([MadeLine("l", baseline=False, outline=False, inner=points)])))
    assert line.baseline == ((1.0, 2.0), (30.0, 4.0))


def test_broken_points_are_noted_and_the_line_is_kept(tmp_path: Path) -> None:
    broken = page_xml([MadeLine("l")]).replace("40,100 400,100", "40,100 NaN,x")
    page = read(tmp_path, broken)
    assert only_line(page).baseline == ()
    assert page.notes == ("line 5: Baseline of l is not a list of points: 40,100 NaN,x",)


@pytest.mark.parametrize("size", ["", 'imageWidth="0" imageHeight="0"', 'imageWidth="wide" imageHeight="9"'])
def test_a_missing_image_size_is_noted(tmp_path: Path, size: str) -> None:
    page = read(tmp_path, page_xml([MadeLine("l")], size=size))
    assert (page.width, page.height) == (None, None)
    assert page.notes == ("the image size is missing or not a number",)


def test_transkribus_tags_are_read(tmp_path: Path) -> None:
    custom = "readingOrder {index:0;} unclear {offset:3; length:4; continued:true;} textStyle{offset: 0;length:2;"
    custom += "underlined:true;}"
    tags = only_line(read(tmp_path, page_xml([MadeLine("l", custom=custom)]))).tags
    assert [(tag.name, tag.offset, tag.length) for tag in tags] == [
        ("readingOrder", None, None),
        ("unclear", 3, 4),
        ("textStyle", 0, 2),
    ]
    assert tags[2].attributes == (("underlined", "true"),)


def test_unbalanced_braces_do_not_hurt(tmp_path: Path) -> None:
    tags = only_line(read(tmp_path, page_xml([MadeLine("l", custom="unclear {offset:1; gap {} }}")]))).tags
    assert "unclear" in {tag.name for tag in tags}


@pytest.mark.parametrize("baseline", ["40,{y} 400,{y}", "40 {y} 400 {y}", "{y}"])
def test_every_form_of_altos_baseline(tmp_path: Path, baseline: str) -> None:
    line = only_line(read(tmp_path, alto_xml([MadeLine("l", "tekst")], baseline=baseline)))
    assert line.baseline == ((40.0, 100.0), (400.0, 100.0))
    assert line.outline == ((40.0, 70.0), (400.0, 70.0), (400.0, 110.0), (40.0, 110.0))
    assert line.texts[0].text == "tekst"


def test_altos_words_are_joined_as_the_page_has_them(tmp_path: Path) -> None:
    with_blanks = '<String CONTENT="et" WC="0.5"/><SP/><String CONTENT="ord" WC="1"/><HYP CONTENT="-"/>'
    line = only_line(read(tmp_path, alto_xml([MadeLine("l", inner=with_blanks)])))
    assert (line.texts[0].text, line.texts[0].confidence) == ("et ord-", 0.75)
    without = '<String CONTENT="et"/><String CONTENT="ord"/>'
    assert only_line(read(tmp_path, alto_xml([MadeLine("l", inner=without)]))).texts[0].text == "et ord"


@pytest.mark.parametrize(
    ("inner", "outline"),
    [
        ('<Shape><Polygon POINTS="1,2 3,4 5,6"/></Shape><String CONTENT="a"/>', ((1, 2), (3, 4), (5, 6))),
        ('<String CONTENT="a"><Shape><Polygon POINTS="1,2 3,4 5,6"/></Shape></String>', "box"),
        (2 * '<Shape><Polygon POINTS="1,2 3,4 5,6"/></Shape><String CONTENT="a"/>', "box"),
        ('<Shape><Polygon POINTS="1,2 3,4 5,6"/><Polygon POINTS="5,2 3,4 5,6"/></Shape>', "box"),
        ('<Shape><Ellipse HPOS="1" VPOS="2" HLENGTH="3" VLENGTH="4"/></Shape>', "box"),
        ('<Shape><Polygon POINTS=""/></Shape>', "box"),
    ],
)
def test_altos_shapes_of_strings_are_not_that_of_the_line(tmp_path: Path, inner: str, outline: object) -> None:
    box = ((40, 70), (400, 70), (400, 110), (40, 110))
    page = read(tmp_path, alto_xml([MadeLine("a", inner=inner)]))
    assert page.lines[0].outline == (box if outline == "box" else outline)


def test_altos_shapes_without_a_box_are_taken_together(tmp_path: Path) -> None:
    shapes = '<Shape><Polygon POINTS="10,20 30,20 30,40"/></Shape><Shape><Polygon POINTS="50,10 60,30"/></Shape>'
    page = read(tmp_path, alto_xml([MadeLine("a", inner=shapes)]).replace('WIDTH="360" HEIGHT="40"', ""))
    assert page.lines[0].outline == ((10, 10), (60, 10), (60, 40), (10, 40))


def test_altos_glyphs_stand_in_for_a_string_without_content(tmp_path: Path) -> None:
    inner = '<String CONTENT=""><Glyph CONTENT="e"/><Glyph CONTENT="n"/></String><String CONTENT="linje"/>'
    assert read(tmp_path, alto_xml([MadeLine("a", inner=inner)])).lines[0].texts[0].text == "en linje"


def test_altos_millimetres_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, alto_xml([MadeLine("l")], unit="mm10")).message.startswith(
        "its coordinates are in tenths of a millimetre, not in pixels"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"not xml", "not well-formed XML"),
        (b"<a><b></a>", "not well-formed XML"),
        (b"<mets/>", "a METS container"),
        (b"<TEI/>", "TEI"),
        (b"<strange/>", "its first element is strange"),
        (page_xml([MadeLine("l")]).encode()[:200], "not well-formed XML"),
        ('<?xml version="1.0" encoding="utf-16"?><PcGts/>', "XML"),
        (b"\0\0\0\0", "XML"),
        (b"<PcGts/>", "without a Page"),
    ],
)
def test_what_is_no_page_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refusal(tmp_path, content).message


def test_a_byte_order_mark_and_utf16_are_read(tmp_path: Path) -> None:
    text = page_xml([MadeLine("l", "ærlig")])
    assert only_line(read(tmp_path, b"\xef\xbb\xbf" + text.encode())).texts[0].text == "ærlig"
    utf16 = text.replace("UTF-8", "UTF-16").encode("utf-16")
    assert only_line(read(tmp_path, utf16)).texts[0].text == "ærlig"


@given(
    st.lists(st.tuples(st.integers(-9999, 9999), st.integers(-9999, 9999)), max_size=20),
    st.sampled_from([" ", "  ", "\n"]),
)
def test_points_are_read_back(points: list[tuple[int, int]], blank: str) -> None:
    assert parse_points(blank.join(f"{x},{y}" for x, y in points)) == tuple(points)


@given(st.text(max_size=40))
def test_any_text_is_points_or_refused(text: str) -> None:
    with contextlib.suppress(BadPoints):
        parse_points(text)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), is_alto=st.booleans())
def test_damaged_files_never_crash(tmp_path_factory: pytest.TempPathFactory, seed: int, is_alto: bool) -> None:
    lines = [MadeLine("a", custom="unclear {offset:1; length:2;}"), MadeLine("b", y=200)]
    content = bytearray((alto_xml(lines) if is_alto else page_xml(lines)).encode())
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(content))
        kind = chance.randrange(3)
        if kind == 0:
            content[place] = chance.randrange(256)
        elif kind == 1:
            del content[place : place + chance.randrange(30)]
        else:
            content[place:place] = chance.choice([b"<", b">", b"&", b'"', b"\0", b"-1e999", b"\xff\xfe"])
    path = tmp_path_factory.getbasetemp() / "damaged.xml"
    path.write_bytes(bytes(content))
    try:
        page = read_page(path)
    except PageError as error:
        assert error.message
    else:
        assert all(isinstance(line.id, str) for line in page.lines)


def test_every_dialect_is_read_or_named() -> None:
    pages, refused = {}, {}
    for xml in sorted(shared_data("dialects").rglob("*.xml")):
        name = str(xml.relative_to(shared_data("dialects")))
        try:
            pages[name] = read_page(xml)
        except PageError as error:
            refused[name] = error.message
    assert {name.rpartition("/")[2] for name in refused} == {
        "FineReader10-schema-v1.xml",
        "mu.xml",
        "mets_only_part1_without_images.xml",
        "mets_with_images.xml",
        "mets_without_images.xml",
        "simple_mets.xml",
        "tei_xml_export_full_part1.xml",
        "tei_xml_export_full_part2.xml",
        "tei_xml_export_only_body_part1.xml",
        "tei_xml_export_only_body_part2.xml",
        "test_invalid_alto.xml",
    }
    counts = {name: len(page.lines) for name, page in pages.items()}
    assert counts["06_table_register_page2019/FRAN_0187_50722_L.xml"] == 166
    assert counts["07_ocrd_words_glyphs_prefix_altoV2/page_nolines_OCR-D-GT-SEG-PAGE_0001.xml"] == 0
    assert counts["11_rtl_arabic_xml_only/tarima/BULAC_BIULO_AF_II_177_0148.xml"] == 27
    bronod = [pages[f"02_page2019_alto42_pair_bigimage/{kind}/0050.xml"] for kind in ("page", "alto")]
    assert [line.texts[0].text for line in bronod[0].lines] == [line.texts[0].text for line in bronod[1].lines]
    rtl = pages["11_rtl_arabic_xml_only/tarima/BULAC_BIULO_AF_II_177_0148.xml"]
    assert all(line.baseline and not line.outline for line in rtl.lines)


def summary(page: Page) -> dict[str, object]:
    """What a golden file keeps of a page: its numbers, and a digest of all ids, points and texts."""
    content = repr([(line.id, line.baseline, line.outline, line.texts, line.words, line.tags) for line in page.lines])
    return {
        "image": page.image_name,
        "size": [page.width, page.height],
        "lines": len(page.lines),
        "with_baseline": sum(bool(line.baseline) for line in page.lines),
        "with_outline": sum(bool(line.outline) for line in page.lines),
        "with_text": sum(bool(line.texts) for line in page.lines),
        "with_words": sum(bool(line.words) for line in page.lines),
        "digest": hashlib.sha256(content.encode()).hexdigest()[:16],
    }


def test_each_dialect_reads_as_its_golden_file_says() -> None:
    golden = json.loads((Path(__file__).parent / "golden_dialects.json").read_text(encoding="utf-8"))
    assert len(golden) > 50
    for name, expected in golden.items():
        assert summary(read_page(shared_data("dialects", *name.split("/")))) == expected, name
