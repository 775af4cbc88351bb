"""PAGE XML and ALTO, of any version and in any namespace, into a page.

Source: PAGE content schemas of 2010 to 2019; the ALTO standard, loc.gov/standards/alto, with BASELINE as eScriptorium
and kraken write it; Transkribus' `custom` attribute.
"""

import re
from pathlib import Path

from loghi_runner.aliases import Point
from loghi_runner.pages import xml
from loghi_runner.pages.model import Page, PageLine, Tag, TextVersion

#: What else lies beside page images, by its first element.
_OTHER_FORMS = {
    "document": "ABBYY FineReader XML",
    "mets": "a METS container",
    "TEI": "TEI",
    "html": "HTML (hOCR?)",
}
_UNITS = {"mm10": "tenths of a millimetre", "inch1200": "1200ths of an inch"}
# begun at the beginning of a word only: anywhere in a word without end would take its length squared
_TAG = re.compile(r"(?<![\w.-])([\w.-]+)\s*\{([^{}]*)\}?")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def read_page(path: Path) -> Page:
    """Read PAGE XML (2010 to 2019) or ALTO (2 to 4), in any namespace or with any prefix.

    Raises:
        PageError: it is something else, broken, or its coordinates are not in pixels.
    """
    root = xml.parse_xml(path)
    name = xml.name_of(root)
    if name == "PcGts":
        return _read_page_xml(root)
    if name.lower() == "alto":
        return _read_alto(root)
    what = _OTHER_FORMS.get(name, f"something else (its first element is {name[:40]})")
    raise xml.PageError(f"it is {what}, neither PAGE XML nor ALTO", root.sourceline)


def _read_page_xml(root: xml.Element) -> Page:
    page = _only_page(xml.children(root, "Page"), "PAGE XML", root)
    notes: list[str] = []
    # tables and regions in regions too, which loghi-tooling leaves out
    lines = tuple(_page_xml_line(line, notes) for line in xml.descendants(page, "TextLine"))
    return _page(page.get("imageFilename"), page.get("imageWidth"), page.get("imageHeight"), lines, notes)


def _read_alto(root: xml.Element) -> Page:
    unit = next((xml.text_of(found).strip().lower() for found in xml.descendants(root, "MeasurementUnit")), "pixel")
    if unit not in ("pixel", ""):
        words = _UNITS.get(unit, repr(unit))
        raise xml.PageError(f"its coordinates are in {words}, not in pixels: save it with MeasurementUnit pixel")
    page = _only_page(xml.descendants(root, "Page"), "ALTO", root)
    notes: list[str] = []
    lines = tuple(_alto_line(line, notes) for line in xml.descendants(page, "TextLine"))
    image = xml.text_of(next(iter(xml.descendants(root, "fileName")), None))
    return _page(image, page.get("WIDTH"), page.get("HEIGHT"), lines, notes)


def _only_page(pages: list[xml.Element], form: str, root: xml.Element) -> xml.Element:
    if not pages:
        raise xml.PageError(f"it is {form} without a Page", root.sourceline)
    if len(pages) > 1:
        raise xml.PageError(f"it describes {len(pages)} pages; one page an image is read", pages[1].sourceline)
    return pages[0]


def _page(
    image: str | None, width: str | None, height: str | None, lines: tuple[PageLine, ...], notes: list[str]
) -> Page:
    size = xml.positive(width), xml.positive(height)
    if None in size:
        notes.append("the image size is missing or not a number")
        size = None, None
    return Page(xml.base_name(image), *size, lines, tuple(notes))


def _page_xml_line(line: xml.Element, notes: list[str]) -> PageLine:
    style = xml.first_child(line, "TextStyle")
    return PageLine(
        id=(line.get("id") or "").strip(),
        number=line.sourceline or 0,
        baseline=_page_xml_points(line, "Baseline", notes),
        outline=_page_xml_points(line, "Coords", notes),
        texts=_page_xml_texts(line),
        words=tuple(_word(word) for word in xml.children(line, "Word")),
        tags=parse_custom(line.get("custom")),
        x_height_px=None if style is None else xml.positive(style.get("xHeight")),
    )


def _page_xml_points(line: xml.Element, name: str, notes: list[str]) -> tuple[Point, ...]:
    element = xml.first_child(line, name)
    if element is None:
        return ()
    # PAGE 2010 has an element for each point
    written = " ".join(f"{point.get('x')},{point.get('y')}" for point in xml.children(element, "Point"))
    return _points(element.get("points") or written, f"{name} of {line.get('id')}", element, notes)


def _points(text: str | None, what: str, place: xml.Element, notes: list[str]) -> tuple[Point, ...]:
    try:
        return xml.parse_points(text)
    except xml.BadPoints as error:
        notes.append(f"line {place.sourceline}: {what} is not a list of points: {error}")
        return ()


def _page_xml_texts(element: xml.Element) -> tuple[TextVersion, ...]:
    return tuple(
        TextVersion(
            text=xml.text_of(xml.first_child(equivalent, "Unicode")),
            index=_index(equivalent.get("index")),
            confidence=xml.fraction(equivalent.get("conf")),
            plain=xml.text_of(xml.first_child(equivalent, "PlainText")),
        )
        for equivalent in xml.children(element, "TextEquiv")
    )


def _word(word: xml.Element) -> tuple[TextVersion, ...]:
    texts = _page_xml_texts(word)
    if any(text.content.strip() for text in texts):
        return texts
    # the first text of each glyph that is not empty: it is the reading that was chosen
    glyphs = (
        next((text for text in _page_xml_texts(glyph) if text.content), None) for glyph in xml.children(word, "Glyph")
    )
    written = [glyph for glyph in glyphs if glyph is not None]
    if not written:
        return texts
    index = max((glyph.index for glyph in written if glyph.index is not None), default=None)
    return (*texts, TextVersion("".join(glyph.content for glyph in written), index))


def _index(value: str | None) -> int | None:
    return int(value) if value is not None and re.fullmatch(r"-?\d{1,9}", value.strip()) else None


def _tag(name: str, body: str) -> Tag:
    values: dict[str, str] = {}
    for part in body.split(";"):
        key, colon, value = part.partition(":")
        if colon:
            values[key.strip()] = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), value.strip())
    offset, length = _whole(values.pop("offset", None)), _whole(values.pop("length", None))
    return Tag(name, offset, length, tuple(values.items()))


def _whole(value: str | None) -> int | None:
    return int(value) if value is not None and re.fullmatch(r"\d{1,9}", value) else None


def parse_custom(custom: str | None) -> tuple[Tag, ...]:
    """All tags of the attribute in which Transkribus keeps them: `unclear {offset:3; length:4;} textStyle {...}`.

    In order; a word without braces is a tag on the whole line.
    """
    custom = custom or ""
    tags = [_tag(name, body) for name, body in _TAG.findall(custom)]
    tags += [Tag(word, None, None) for word in re.findall(r"[\w.-]+", _TAG.sub(" ", custom))]
    return tuple(tags)


def _alto_line(line: xml.Element, notes: list[str]) -> PageLine:
    left, top, width, height = (_number(line.get(key)) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
    corners: tuple[Point, ...] = ()
    baseline: tuple[Point, ...] = ()
    if left is not None and top is not None and width and height:
        corners = xml.box_points(left, top, width, height)
    written = line.get("BASELINE")
    level = _number(written)
    if level is None:
        baseline = _points(written, f"BASELINE of {line.get('ID')}", line, notes)
    elif left is not None and width:
        baseline = ((left, level), (left + width, level))
    outline = _outline(line, corners, notes)
    return PageLine((line.get("ID") or "").strip(), line.sourceline or 0, baseline, outline, _alto_texts(line))


def _outline(line: xml.Element, corners: tuple[Point, ...], notes: list[str]) -> tuple[Point, ...]:
    """The line's own polygon, or else its box.

    ALTO 3.1 has a Shape before each String, and all of them as children of the line: then none of them is the line's.
    """
    polygons = [polygon for shape in xml.children(line, "Shape") for polygon in xml.children(shape, "Polygon")]
    what = f"the polygon of {line.get('ID')}"
    outlines = [_points(polygon.get("POINTS"), what, line, notes) for polygon in polygons]
    if len(outlines) <= 1:
        return next(iter(outlines), ()) or corners
    notes.append(f"line {line.sourceline}: {line.get('ID')} has {len(outlines)} shapes; the box around them is taken")
    points = [point for outline in outlines for point in outline]
    if corners or not points:
        return corners
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return xml.box_points(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _alto_texts(line: xml.Element) -> tuple[TextVersion, ...]:
    """The line's text: `SP` is a blank; where a line has none, there is one between all strings."""
    parts: list[str] = []
    confidences: list[float | None] = []
    has_spaces = any(xml.name_of(child) == "SP" for child in line)
    for child in line:
        kind = xml.name_of(child)
        if kind == "SP":
            parts.append(" ")
        elif kind == "HYP":
            parts.append(child.get("CONTENT") or "-")
        elif kind == "String":
            if parts and not has_spaces:
                parts.append(" ")
            parts.append(_content(child))
            confidences.append(xml.fraction(child.get("WC")))
    if not parts:
        return ()
    known = [confidence for confidence in confidences if confidence is not None]
    return (TextVersion("".join(parts), confidence=sum(known) / len(known) if known else None),)


def _content(string: xml.Element) -> str:
    """A string's text, or that of its glyphs where it has none."""
    content = str(string.get("CONTENT") or "")
    return (
        content if content.strip() else "".join(glyph.get("CONTENT") or "" for glyph in xml.children(string, "Glyph"))
    )


def _number(value: str | None) -> float | None:
    text = (value or "").strip()
    return float(text) if re.fullmatch(r"[-+]?\d+(\.\d+)?", text) else None
