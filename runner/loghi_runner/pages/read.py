"""One XML file into a page, whichever of the known forms it has."""

from pathlib import Path

from loghi_runner.pages.alto import read_alto
from loghi_runner.pages.model import Page
from loghi_runner.pages.page_xml import read_page_xml
from loghi_runner.pages.xml import PageError, name_of, parse_xml

__all__ = ["PageError", "read_page"]

#: What else lies beside page images, by its first element.
_OTHER_FORMS = {
    "document": "ABBYY FineReader XML",
    "mets": "a METS container",
    "TEI": "TEI",
    "html": "HTML (hOCR?)",
}


def read_page(xml: Path) -> Page:
    """Read PAGE XML (2010 to 2019) or ALTO (2 to 4), in any namespace or with any prefix.

    Raises:
        PageError: it is something else, or broken.
    """
    root = parse_xml(xml)
    name = name_of(root)
    if name == "PcGts":
        return read_page_xml(xml, root)
    if name.lower() == "alto":
        return read_alto(xml, root)
    what = _OTHER_FORMS.get(name, f"something else (its first element is {name[:40]})")
    raise PageError(f"it is {what}, neither PAGE XML nor ALTO", root.sourceline)
