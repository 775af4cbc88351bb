"""XML from strangers, parsed without entities, network or limits to be abused; and what PAGE and ALTO share."""

import errno
import re
from itertools import islice
from math import nan
from pathlib import Path
from typing import Any  # lxml's elements are typed too widely

from lxml import etree

from loghi_contract.files import read_plain
from loghi_runner.aliases import Point

#: No page is larger; a file that is holds something else.
_MAX_BYTES = 100_000_000
#: A newspaper's page has a tenth of this.
_MAX_LINES = 10_000
_LINE = re.compile(rb"<(?:[\w.-]{1,100}:)?TextLine[\s/>]")

# bounded: with digits without end, the search for a comma behind them would take their number cubed
_NUMBER = r"[-+]?(?:\d{1,20}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,3})?"
_PAIR = re.compile(rf"(?<![\d.])({_NUMBER})\s*,\s*({_NUMBER})")

Element = Any


class PageError(Exception):
    """The XML cannot be used; the message is a sentence in plain words, `line` where in the file it fails."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class BadPoints(ValueError):
    """Text that is no list of points."""


def parse_xml(path: Path, *, whole: bool = False) -> Element:
    """The root element.

    Args:
        whole: keep comments and processing instructions, too: the file is to be written again.

    Raises:
        PageError: it cannot be read, or is not XML.
    """
    try:
        content = read_plain(path, _MAX_BYTES)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise PageError(f"it is larger than {_MAX_BYTES // 1_000_000} MB, so it is no page") from error
        raise PageError(f"it cannot be read: {error.strerror or error}") from error
    if not content.strip():
        raise PageError("it is empty")
    too_many = PageError(f"it has more than {_MAX_LINES} lines, so it is no page")
    # before it is parsed, which takes six times its size; other encodings are counted afterwards
    if sum(1 for _ in islice(_LINE.finditer(content), _MAX_LINES + 1)) > _MAX_LINES:
        raise too_many
    # entities are neither looked up nor expanded: they are how a file reads other files, or grows without end
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=not whole,
        remove_pis=not whole,
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise PageError(f"it is not well-formed XML: {_plain(error)}", error.lineno) from error
    except (ValueError, LookupError) as error:
        raise PageError(f"it is not XML: {error}") from error
    if root is None:
        raise PageError("it is empty")
    if len(descendants(root, "TextLine")) > _MAX_LINES:
        raise too_many
    for entity in root.iter(etree.Entity):
        raise PageError(f"it uses an entity of its own ({entity.text}); these are not read")
    return root


def name_of(element: Element) -> str:
    """The element's name without its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def children(element: Element, name: str) -> list[Element]:
    """The direct children of a name, whatever their namespace."""
    return [child for child in element if name_of(child) == name]


def first_child(element: Element, name: str) -> Element | None:
    return next((child for child in element if name_of(child) == name), None)


def descendants(element: Element, name: str) -> list[Element]:
    """All elements of a name below this one, in document order."""
    return [below for below in element.iter() if name_of(below) == name]


def text_of(element: Element | None) -> str:
    """All text in an element, untrimmed."""
    return "" if element is None else "".join(element.itertext())


def positive(value: str | None) -> int | None:
    """A size in whole pixels; None for nothing or nonsense."""
    number = _float(value)
    return int(number) if 1 <= number < 1e6 else None


def fraction(value: str | None) -> float | None:
    """A confidence; None for nothing or nonsense."""
    number = _float(value)
    return number if 0 <= number <= 1 else None


def _float(value: str | None) -> float:
    try:
        return float(value or "nan")
    except ValueError:
        return nan


def parse_points(text: str | None) -> tuple[Point, ...]:
    """Points from `x,y x,y` or `x y x y`; empty for nothing.

    Raises:
        BadPoints: it is something else.
    """
    text = (text or "").strip()
    pairs = _PAIR.findall(text)
    if _PAIR.sub(" ", text).strip():
        numbers = re.split(r"[\s,]+", text)
        if len(numbers) % 2 or not all(re.fullmatch(_NUMBER, number) for number in numbers):
            raise BadPoints(text[:60])
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    return tuple((float(x), float(y)) for x, y in pairs)


def box_points(left: float, top: float, width: float, height: float) -> tuple[Point, ...]:
    """The four corners of a box, clockwise from the left top."""
    return ((left, top), (left + width, top), (left + width, top + height), (left, top + height))


def base_name(path: str | None) -> str | None:
    """A file's name without folders, of this or another system."""
    name = (path or "").replace("\\", "/").rpartition("/")[2].strip()
    return name or None


def _plain(error: etree.XMLSyntaxError) -> str:
    message = (error.msg or "unknown fault").split(", line ")[0]
    return message[:200]
