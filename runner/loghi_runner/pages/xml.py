"""XML from strangers: parsed without entities, network or limits to be abused."""

import errno
import re
from itertools import islice
from pathlib import Path
from typing import Any  # lxml's elements are typed too widely

from lxml import etree

from loghi_contract.files import read_plain

#: No page is larger; a file that is holds something else.
_MAX_BYTES = 100_000_000
#: A newspaper's page has a tenth of this.
_MAX_LINES = 10_000
_LINE = re.compile(rb"<(?:[\w.-]{1,100}:)?TextLine[\s/>]")

Element = Any


class PageError(Exception):
    """The XML cannot be used; the message is a sentence in plain words, `line` where in the file it fails."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def parse_xml(path: Path) -> Element:
    """The root element.

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
    # before it is parsed, which takes six times its size; other encodings are counted afterwards
    if sum(1 for _ in islice(_LINE.finditer(content), _MAX_LINES + 1)) > _MAX_LINES:
        raise _too_many_lines()
    # entities are neither looked up nor expanded: they are how a file reads other files, or grows without end
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
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
        raise _too_many_lines()
    for entity in root.iter(etree.Entity):
        raise PageError(f"it uses an entity of its own ({entity.text}); these are not read")
    return root


def _too_many_lines() -> PageError:
    return PageError(f"it has more than {_MAX_LINES} lines, so it is no page")


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
    try:
        number = float(value or "")
    except ValueError:
        return None
    return int(number) if 1 <= number < 1e6 else None


def fraction(value: str | None) -> float | None:
    """A confidence; None for nothing or nonsense."""
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number <= 1 else None


def base_name(path: str | None) -> str | None:
    """A file's name without folders, of this or another system."""
    name = (path or "").replace("\\", "/").rpartition("/")[2].strip()
    return name or None


def _plain(error: etree.XMLSyntaxError) -> str:
    message = (error.msg or "unknown fault").split(", line ")[0]
    return message[:200]
