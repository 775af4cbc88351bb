"""A model's readings into the XML they belong to: only texts and their confidences change.

PAGE: each line has exactly one `TextEquiv` afterwards; words below it keep what they had. ALTO: each line has exactly
one `String`, over the whole line, in place of its strings and spaces.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from lxml import etree

from loghi_runner.pages.xml import Element, PageError, descendants, name_of, parse_xml

#: What stands before a line's text in PAGE. Source: the PAGE content schema.
_BEFORE_TEXT = ("AlternativeImage", "Coords", "Baseline", "Word")
_ALTO_TEXTS = ("String", "SP", "HYP")
_BOX = ("HPOS", "VPOS", "WIDTH", "HEIGHT")


@dataclass(frozen=True)
class Reading:
    """A line's text and how sure the model is, 0 to 1."""

    text: str
    confidence: float


def with_readings(xml: Path, readings: Mapping[int, Reading]) -> bytes:
    """The file with new texts, otherwise as it was: prefixes, comments, order, encoding.

    Args:
        readings: by the line's place in the page, as `read_page` counts them; other lines are left alone.

    Raises:
        PageError: it is neither PAGE nor ALTO.
    """
    root = parse_xml(xml, whole=True)
    kind = name_of(root)
    if kind not in ("PcGts", "alto"):
        raise PageError("it is neither PAGE XML nor ALTO")
    page = next(iter(descendants(root, "Page")))
    for number, line in enumerate(descendants(page, "TextLine")):
        if number in readings:
            (_write_page_line if kind == "PcGts" else _write_alto_line)(line, readings[number])
    tree = root.getroottree()
    encoding = tree.docinfo.encoding or "UTF-8"
    return cast(bytes, etree.tostring(tree, encoding=encoding, xml_declaration=True))


def _write_page_line(line: Element, reading: Reading) -> None:
    before = [number for number, child in enumerate(line) if name_of(child) in _BEFORE_TEXT]
    new = etree.Element(_named(line, "TextEquiv"), {"conf": f"{reading.confidence:.4f}"})
    etree.SubElement(new, _named(line, "Unicode")).text = reading.text
    _replace(line, ("TextEquiv",), new, before[-1] + 1 if before else 0)


def _write_alto_line(line: Element, reading: Reading) -> None:
    attributes = {key: line.get(key) for key in _BOX if line.get(key) is not None}
    attributes |= {"CONTENT": reading.text, "WC": f"{reading.confidence:.4f}"}
    _replace(line, _ALTO_TEXTS, etree.Element(_named(line, "String"), attributes), len(line))


def _replace(line: Element, names: tuple[str, ...], new: Element, place: int) -> None:
    """Put a child in the place of those of these names; `place` is where it goes when there are none."""
    earlier = [child for child in line if name_of(child) in names]
    if earlier:
        place = list(line).index(earlier[0])
        new.tail = earlier[-1].tail
    for old in earlier:
        line.remove(old)
    line.insert(place, new)


def _named(line: Element, name: str) -> str:
    """The name in the line's own namespace."""
    namespace = etree.QName(line).namespace
    return f"{{{namespace}}}{name}" if namespace else name
