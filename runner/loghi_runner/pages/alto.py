"""ALTO 2 to 4, as eScriptorium, Kitodo and OCR programs write it.

Source: the ALTO standard, loc.gov/standards/alto; BASELINE as eScriptorium and kraken write it.
"""

import re
from pathlib import Path

from loghi_runner.aliases import Point
from loghi_runner.pages.model import Page, PageLine, TextVersion
from loghi_runner.pages.xml import (
    BadPoints,
    Element,
    PageError,
    base_name,
    box_points,
    children,
    descendants,
    fraction,
    name_of,
    parse_points,
    positive,
    text_of,
)

_VERSION = re.compile(r"v(\d)")
_UNITS = {"mm10": "tenths of a millimetre", "inch1200": "1200ths of an inch"}


def read_alto(path: Path, root: Element) -> Page:
    """Read an `alto` element.

    Raises:
        PageError: it describes no page, or its coordinates are not in pixels.
    """
    unit = next((text_of(found).strip().lower() for found in descendants(root, "MeasurementUnit")), "pixel")
    if unit not in ("pixel", ""):
        words = _UNITS.get(unit, repr(unit))
        raise PageError(f"its coordinates are in {words}, not in pixels: save it with MeasurementUnit pixel")
    pages = descendants(root, "Page")
    if not pages:
        raise PageError("it is ALTO without a Page", root.sourceline)
    if len(pages) > 1:
        raise PageError(f"it describes {len(pages)} pages; one page an image is read", pages[1].sourceline)
    notes: list[str] = []
    lines = tuple(_line(line, notes) for line in descendants(pages[0], "TextLine"))
    version = _VERSION.search(str(root.tag))
    width, height = positive(pages[0].get("WIDTH")), positive(pages[0].get("HEIGHT"))
    if width is None or height is None:
        notes.append("the image size is missing or not a number")
        width = height = None
    file_names = descendants(root, "fileName")
    return Page(
        xml=path,
        form=f"ALTO {version[1]}" if version else "ALTO",
        image_name=base_name(text_of(file_names[0])) if file_names else None,
        width=width,
        height=height,
        lines=lines,
        notes=tuple(notes),
    )


def _line(line: Element, notes: list[str]) -> PageLine:
    box = [_number(line.get(key)) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT")]
    corners: tuple[Point, ...] = ()
    left, top, width, height = box
    if left is not None and top is not None and width and height:
        corners = box_points(left, top, width, height)
    baseline = line.get("BASELINE")
    level = _number(baseline)
    if level is not None and left is not None and width:
        points: tuple[Point, ...] = ((left, level), (left + width, level))
    else:
        points = _points(baseline, line, "BASELINE", notes) if level is None else ()
    return PageLine(
        id=(line.get("ID") or "").strip(),
        number=line.sourceline or 0,
        baseline=points,
        outline=_outline(line, corners, notes),
        texts=_texts(line),
    )


def _outline(line: Element, corners: tuple[Point, ...], notes: list[str]) -> tuple[Point, ...]:
    """The line's own polygon, or else its box.

    ALTO 3.1 has a Shape before each String, and all of them as children of the line: then none of them is the line's.
    """
    polygons = [polygon for shape in children(line, "Shape") for polygon in children(shape, "Polygon")]
    outlines = [_points(polygon.get("POINTS"), line, "the polygon", notes) for polygon in polygons]
    if len(outlines) <= 1:
        return next(iter(outlines), ()) or corners
    notes.append(f"line {line.sourceline}: {line.get('ID')} has {len(outlines)} shapes; the box around them is taken")
    points = [point for outline in outlines for point in outline]
    if corners or not points:
        return corners
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return box_points(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _texts(line: Element) -> tuple[TextVersion, ...]:
    """The line's text: `SP` is a blank; where a line has none, there is one between all strings."""
    parts: list[str] = []
    confidences: list[float] = []
    has_spaces = any(name_of(child) == "SP" for child in line)
    for child in line:
        kind = name_of(child)
        if kind == "SP":
            parts.append(" ")
        elif kind == "HYP":
            parts.append(child.get("CONTENT") or "-")
        elif kind == "String":
            if parts and not has_spaces:
                parts.append(" ")
            parts.append(_content(child))
            confidence = fraction(child.get("WC"))
            if confidence is not None:
                confidences.append(confidence)
    if not parts:
        return ()
    mean = sum(confidences) / len(confidences) if confidences else None
    return (TextVersion("".join(parts), confidence=mean),)


def _content(string: Element) -> str:
    """A string's text, or that of its glyphs where it has none."""
    content = str(string.get("CONTENT") or "")
    return content if content.strip() else "".join(glyph.get("CONTENT") or "" for glyph in children(string, "Glyph"))


def _points(text: str | None, line: Element, what: str, notes: list[str]) -> tuple[Point, ...]:
    try:
        return parse_points(text)
    except BadPoints as error:
        notes.append(f"line {line.sourceline}: {what} of {line.get('ID')} is not a list of points: {error}")
        return ()


def _number(value: str | None) -> float | None:
    text = (value or "").strip()
    return float(text) if re.fullmatch(r"[-+]?\d+(\.\d+)?", text) else None
