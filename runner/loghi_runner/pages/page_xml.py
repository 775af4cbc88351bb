"""PAGE XML of any version, as Transkribus, eScriptorium, Loghi, OCR-D and kraken write it.

Source: PAGE content schemas of 2010 to 2019.
"""

import re
from pathlib import Path

from loghi_runner.aliases import Point
from loghi_runner.pages.model import Page, PageLine, Tag, TextVersion
from loghi_runner.pages.xml import (
    BadPoints,
    Element,
    PageError,
    base_name,
    children,
    descendants,
    first_child,
    fraction,
    parse_points,
    positive,
    text_of,
)

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}")
# begun at the beginning of a word only: anywhere in a word without end would take its length squared
_TAG = re.compile(r"(?<![\w.-])([\w.-]+)\s*\{([^{}]*)\}?")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def read_page_xml(path: Path, root: Element) -> Page:
    """Read a `PcGts` element.

    Raises:
        PageError: it describes no page.
    """
    pages = children(root, "Page")
    if not pages:
        raise PageError("it is PAGE XML without a Page", root.sourceline)
    if len(pages) > 1:
        raise PageError(f"it describes {len(pages)} pages; one page an image is read", pages[1].sourceline)
    page = pages[0]
    reader = _Reader()
    # tables and regions in regions too, which loghi-tooling leaves out
    lines = tuple(reader.line(line) for line in descendants(page, "TextLine"))
    version = _VERSION.search(str(root.tag))
    width, height = positive(page.get("imageWidth")), positive(page.get("imageHeight"))
    if width is None or height is None:
        reader.notes.append("the image size is missing or not a number")
        width = height = None
    return Page(
        xml=path,
        form=f"PAGE {version[0]}" if version else "PAGE",
        image_name=base_name(page.get("imageFilename")),
        width=width,
        height=height,
        lines=lines,
        notes=tuple(reader.notes),
    )


def parse_custom(custom: str | None) -> tuple[Tag, ...]:
    """All tags of the attribute in which Transkribus keeps them: `unclear {offset:3; length:4;} textStyle {...}`.

    In order; a word without braces is a tag on the whole line.
    """
    custom = custom or ""
    tags = [_tag(name, body) for name, body in _TAG.findall(custom)]
    tags += [Tag(word, None, None) for word in re.findall(r"[\w.-]+", _TAG.sub(" ", custom))]
    return tuple(tags)


class _Reader:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def line(self, line: Element) -> PageLine:
        style = first_child(line, "TextStyle")
        return PageLine(
            id=(line.get("id") or "").strip(),
            number=line.sourceline or 0,
            baseline=self._points(line, "Baseline"),
            outline=self._points(line, "Coords"),
            texts=_texts(line),
            words=tuple(_word(word) for word in children(line, "Word")),
            tags=parse_custom(line.get("custom")),
            x_height_px=None if style is None else positive(style.get("xHeight")),
        )

    def _points(self, line: Element, name: str) -> tuple[Point, ...]:
        element = first_child(line, name)
        if element is None:
            return ()
        # PAGE 2010 has an element for each point
        written = " ".join(f"{point.get('x')},{point.get('y')}" for point in children(element, "Point"))
        try:
            return parse_points(element.get("points") or written)
        except BadPoints as error:
            self.notes.append(f"line {element.sourceline}: {name} of {line.get('id')} is not a list of points: {error}")
            return ()


def _texts(element: Element) -> tuple[TextVersion, ...]:
    return tuple(
        TextVersion(
            text=text_of(first_child(equivalent, "Unicode")),
            index=_index(equivalent.get("index")),
            confidence=fraction(equivalent.get("conf")),
            plain=text_of(first_child(equivalent, "PlainText")),
        )
        for equivalent in children(element, "TextEquiv")
    )


def _word(word: Element) -> tuple[TextVersion, ...]:
    texts = _texts(word)
    if any(text.content.strip() for text in texts):
        return texts
    # the first text of each glyph that is not empty: it is the reading that was chosen
    glyphs = (next((text for text in _texts(glyph) if text.content), None) for glyph in children(word, "Glyph"))
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
