"""A model's texts into PAGE XML and ALTO: nothing but texts and confidences changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from loghi_runner.pages.read import read_page
from loghi_runner.pages.write import Reading, with_readings
from loghi_runner.pages.xml import PageError, descendants, name_of
from tests.schemas import schema_faults
from tests.shared_data import shared_data
from tests.unit.made_pages import PAGE_2013, MadeLine, alto_xml, page_xml

SAMPLE = Path(__file__).parents[3] / "examples/sample/pages/new_hand/page/letters-01.xml"
TEXTS = {"TextEquiv", "String", "SP", "HYP"}


def without_texts(content: bytes) -> bytes:
    """Everything but the lines' own texts, in canonical form and without blanks between elements."""
    root = etree.fromstring(content, etree.XMLParser(remove_blank_text=True))
    for line in descendants(root, "TextLine"):
        for child in [child for child in line if name_of(child) in TEXTS]:
            line.remove(child)
    for element in root.iter():
        element.tail = (element.tail or "").strip() or None
        element.text = (element.text or "").strip() or None
    return bytes(etree.tostring(root, method="c14n"))


def rewritten(tmp_path: Path, content: bytes) -> tuple[bytes, list[str]]:
    """The file with a reading for each line, and the texts that are read from it then."""
    source = tmp_path / "source.xml"
    source.write_bytes(content)
    lines = read_page(source).lines
    readings = {number: Reading(f"lest <{number}> & æ", 0.5) for number in range(len(lines))}
    written = with_readings(source, readings)
    target = tmp_path / "target.xml"
    target.write_bytes(written)
    found = read_page(target).lines
    assert [line.id for line in found] == [line.id for line in lines]
    assert all(len(line.texts) == 1 and line.texts[0].confidence == 0.5 for line in found)
    return written, [line.texts[0].text for line in found]


def test_page_carries_both_texts_where_the_language_model_chose_another(tmp_path: Path) -> None:
    source, target = tmp_path / "source.xml", tmp_path / "target.xml"
    source.write_text(page_xml([MadeLine("a", "old"), MadeLine("b", "old", y=200)]))
    same, other = Reading("same", 0.7, Reading("same", 0.8)), Reading("usual", 0.3, Reading("usval", 0.6))

    target.write_bytes(with_readings(source, {0: same, 1: other}))

    first, second = read_page(target).lines
    assert [(text.content, text.index) for text in first.texts] == [("same", None)]
    assert [(text.content, text.index, text.confidence) for text in second.texts] == [
        ("usual", 1, 0.3),
        ("usval", 2, 0.6),
    ]


@pytest.mark.parametrize("content", [page_xml([MadeLine("a", "old")]), alto_xml([MadeLine("a", "old")])])
def test_the_schema_takes_both_texts(tmp_path: Path, content: str) -> None:
    source = tmp_path / "source.xml"
    source.write_text(content)
    one, two = (with_readings(source, {0: Reading("usual", 0.3, other)}) for other in (None, Reading("usval", 0.6)))

    assert schema_faults(two) == schema_faults(one)


def test_alto_carries_the_other_text_as_an_alternative(tmp_path: Path) -> None:
    source = tmp_path / "source.xml"
    source.write_text(alto_xml([MadeLine("a", "old")]))

    written = with_readings(source, {0: Reading("usual", 0.3, Reading("usval", 0.6))})

    [string] = descendants(etree.fromstring(written), "String")
    assert string.get("CONTENT") == "usual"
    assert [child.text for child in string] == ["usval"]
    assert name_of(string[0]) == "ALTERNATIVE"


@pytest.mark.parametrize(
    "content",
    [
        page_xml([MadeLine("a", "old"), MadeLine("b", inner="", y=200)]),
        page_xml([MadeLine("a", "old")], namespace=PAGE_2013, prefix="pc"),
        alto_xml([MadeLine("a", "old"), MadeLine("b", inner='<String CONTENT="x"/><SP/><HYP CONTENT="-"/>', y=200)]),
    ],
)
def test_only_texts_change(tmp_path: Path, content: str) -> None:
    written, texts = rewritten(tmp_path, content.encode())
    assert texts == [f"lest <{number}> & æ" for number in range(len(texts))]
    assert without_texts(written) == without_texts(content.encode())


@pytest.mark.parametrize(
    "content",
    [
        page_xml([MadeLine("a", inner='<Word id="w"><Coords points="0,0 9,9"/></Word><TextStyle xHeight="20"/>')]),
        page_xml([MadeLine("a", "old"), MadeLine("b", inner="", y=200)], namespace=PAGE_2013, prefix="pc"),
        alto_xml([MadeLine("a", "old"), MadeLine("b", inner="", y=200)]),
        SAMPLE.read_text(encoding="utf-8"),
    ],
)
def test_a_schema_finds_nothing_new_to_complain_of(tmp_path: Path, content: str) -> None:
    written, _ = rewritten(tmp_path, content.encode())
    assert len(schema_faults(written)) <= len(schema_faults(content.encode()))


def test_the_samples_pages_are_valid() -> None:
    assert schema_faults(SAMPLE.read_bytes()) == []


def test_no_dialect_becomes_invalid(tmp_path: Path) -> None:
    valid = 0
    for xml in dialects(tmp_path):
        content = xml.read_bytes()
        before = schema_faults(content)
        written, _ = rewritten(tmp_path, content)
        assert len(schema_faults(written)) <= len(before), xml
        valid += not before
    assert valid > 20


def test_a_text_stands_where_the_schema_wants_it(tmp_path: Path) -> None:
    inner = '<Word id="w"><TextEquiv><Unicode>ord</Unicode></TextEquiv></Word><TextStyle xHeight="20"/>'
    written, _ = rewritten(tmp_path, page_xml([MadeLine("a", inner=inner)]).encode())
    (line,) = descendants(etree.fromstring(written), "TextLine")
    assert [name_of(child) for child in line] == ["Coords", "Baseline", "Word", "TextEquiv", "TextStyle"]


def test_lines_without_a_reading_keep_theirs(tmp_path: Path) -> None:
    source = tmp_path / "a.xml"
    source.write_text(page_xml([MadeLine("a", "mine"), MadeLine("b", "old", y=200)]))
    written = with_readings(source, {1: Reading("new", 1.0)})
    assert b"mine" in written
    assert b"old" not in written


def test_every_dialect_keeps_all_but_its_texts(tmp_path: Path) -> None:
    done = 0
    for xml in dialects(tmp_path):
        content = xml.read_bytes()
        written, _ = rewritten(tmp_path, content)
        assert without_texts(written) == without_texts(content), xml
        done += 1
    assert done > 40


def dialects(tmp_path: Path) -> Iterator[Path]:
    """Pages with lines, of many origins."""
    for xml in sorted(shared_data("dialects").rglob("*.xml")):
        try:
            # not beside its image: only the XML counts here
            (tmp_path / "probe.xml").write_bytes(xml.read_bytes())
            if read_page(tmp_path / "probe.xml").lines:
                yield xml
        except PageError:
            continue
