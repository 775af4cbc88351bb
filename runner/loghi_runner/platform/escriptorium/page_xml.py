"""A page of eScriptorium as PAGE XML, for the code that reads files.

Source: PAGE content schema 2019-07-15.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from lxml import etree

from loghi_contract import __version__
from loghi_runner.platform.escriptorium.answers import Part, PartLine, Points

_NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
#: What an id may be in XML, and is short enough for a file's name.
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,79}")
#: Characters that XML cannot hold.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def line_ids(lines: Sequence[PartLine]) -> dict[str, PartLine]:
    """Lines by an id that is unique on the page: the one they came into the platform with, or the platform's number."""
    found: dict[str, PartLine] = {}
    for line in lines:
        name = line.name if _ID.fullmatch(line.name) and line.name not in found else f"line_{line.id}"
        while name in found:
            name += "_"
        found[name] = line
    return found


def page_xml(part: Part, image_name: str, lines: Mapping[str, PartLine], texts: Mapping[int, str]) -> bytes:
    """The XML. Lines keep the platform's order; those without a region come last.

    Args:
        lines: by the id each gets.
        texts: by the platform's number of the line.
    """
    root = etree.Element(f"{{{_NAMESPACE}}}PcGts", nsmap={None: _NAMESPACE})  # type: ignore[dict-item]  # None is the default namespace
    metadata = _add(root, "Metadata")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for name, value in (("Creator", f"loghi-runner {__version__}"), ("Created", now), ("LastChange", now)):
        _add(metadata, name).text = value
    size = {"imageWidth": str(part.image.width_px), "imageHeight": str(part.image.height_px)}
    page = _add(root, "Page", imageFilename=image_name, **size)
    whole = ((0, 0), (part.image.width_px, 0), (part.image.width_px, part.image.height_px), (0, part.image.height_px))
    boxes = {region.id: region.outline for region in part.regions}
    for region in [*boxes, None]:
        inside = {
            name: line for name, line in lines.items() if (line.region if line.region in boxes else None) == region
        }
        if not inside:
            continue
        element = _add(page, "TextRegion", id=f"region_{region or 0}")
        outline = boxes[region] if region is not None else ()
        _add(element, "Coords", points=_written(outline if len(outline) > 2 else whole))
        for name, line in inside.items():
            _add_line(element, name, line, texts.get(line.id, ""))
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True))


def _add_line(region: etree._Element, name: str, line: PartLine, text: str) -> None:
    element = _add(region, "TextLine", id=name)
    if line.outline:
        _add(element, "Coords", points=_written(line.outline))
    if line.baseline:
        _add(element, "Baseline", points=_written(line.baseline))
    text = _NOT_XML.sub("", text)
    if text.strip():
        _add(_add(element, "TextEquiv"), "Unicode").text = text


def _written(points: Points) -> str:
    # PAGE knows no negative numbers; what lies outside the image has no pixels anyway
    return " ".join(f"{max(round(x), 0)},{max(round(y), 0)}" for x, y in points)


def _add(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}", attributes)
