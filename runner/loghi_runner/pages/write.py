"""A model's readings into the XML they belong to: only texts and their confidences change.

PAGE: each line has exactly one `TextEquiv` afterwards; words below it keep what they had. ALTO: each line has exactly
one `String`, over the whole line, in place of its strings and spaces. Where a language model chose another text than
the image alone, both are there: the chosen one with index 1, the other with index 2 (index 0 says that a person checked
it); in ALTO the other is an `ALTERNATIVE`.
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
#: Why there is an ALTERNATIVE. Source: the ALTO schema, its PURPOSE is free text.
_BY_IMAGE = "read without the language model"
_BOX = ("HPOS", "VPOS", "WIDTH", "HEIGHT")


@dataclass(frozen=True)
class Reading:
    """A line's text and how sure the model is of it by the image, 0 to 1.

    `by_image` is what was read without a language model, where one helped.
    """

    text: str
    confidence: float
    by_image: "Reading | None" = None

    @property
    def other(self) -> "Reading | None":
        """What was read without the language model, where that is another text."""
        return self.by_image if self.by_image is not None and self.by_image.text != self.text else None


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
    place = before[-1] + 1 if before else 0
    if reading.other is None:
        _replace(line, ("TextEquiv",), place, _text_equiv(line, reading))
    else:
        _replace(line, ("TextEquiv",), place, _text_equiv(line, reading, 1), _text_equiv(line, reading.other, 2))


def _text_equiv(line: Element, reading: Reading, index: int | None = None) -> Element:
    attributes = {} if index is None else {"index": str(index)}
    new = etree.Element(_named(line, "TextEquiv"), attributes | {"conf": f"{reading.confidence:.4f}"})
    etree.SubElement(new, _named(line, "Unicode")).text = reading.text
    return new


def _write_alto_line(line: Element, reading: Reading) -> None:
    attributes = {key: line.get(key) for key in _BOX if line.get(key) is not None}
    attributes |= {"CONTENT": reading.text, "WC": f"{reading.confidence:.4f}"}
    new = etree.Element(_named(line, "String"), attributes)
    if reading.other is not None:
        etree.SubElement(new, _named(line, "ALTERNATIVE"), {"PURPOSE": _BY_IMAGE}).text = reading.other.text
    _replace(line, _ALTO_TEXTS, len(line), new)


def _replace(line: Element, names: tuple[str, ...], place: int, *new: Element) -> None:
    """Put children in the place of those of these names; `place` is where they go when there are none."""
    earlier = [child for child in line if name_of(child) in names]
    if earlier:
        place = list(line).index(earlier[0])
        new[-1].tail = earlier[-1].tail
    for old in earlier:
        line.remove(old)
    for number, child in enumerate(new):
        line.insert(place + number, child)


def _named(line: Element, name: str) -> str:
    """The name in the line's own namespace."""
    namespace = etree.QName(line).namespace
    return f"{{{namespace}}}{name}" if namespace else name
