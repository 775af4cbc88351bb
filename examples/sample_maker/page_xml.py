"""Writes PAGE XML: one text region with lines, polygons, baselines and texts.

Source: PAGE content schema 2019-07-15 of PRImA Research Lab; child elements in its order.
"""

from collections.abc import Iterable
from xml.etree import ElementTree

from sample_maker.pages import PageSize, Point, WrittenPage

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
_SCHEMA = f"{NAMESPACE} {NAMESPACE}/pagecontent.xsd"
_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_MADE_ON = "2026-01-01T00:00:00"  # fixed: a rerun gives the same bytes


def page_xml(page: WrittenPage, image_name: str, size: PageSize) -> bytes:
    """Return the PAGE XML of a page as UTF-8."""
    root = ElementTree.Element(
        "PcGts", {"xmlns": NAMESPACE, "xmlns:xsi": _SCHEMA_INSTANCE, "xsi:schemaLocation": _SCHEMA}
    )
    metadata = ElementTree.SubElement(root, "Metadata")
    for name, value in (("Creator", "make_sample.py"), ("Created", _MADE_ON), ("LastChange", _MADE_ON)):
        ElementTree.SubElement(metadata, name).text = value
    sheet = ElementTree.SubElement(
        root,
        "Page",
        {
            "imageFilename": image_name,
            "imageWidth": str(size.width_px),
            "imageHeight": str(size.height_px),
            "primaryLanguage": page.language.value,
        },
    )
    order = ElementTree.SubElement(ElementTree.SubElement(sheet, "ReadingOrder"), "OrderedGroup", {"id": "ro1"})
    ElementTree.SubElement(order, "RegionRefIndexed", {"index": "0", "regionRef": "r1"})
    region = ElementTree.SubElement(sheet, "TextRegion", {"id": "r1", "type": "paragraph"})
    ElementTree.SubElement(region, "Coords", {"points": _points(_box(page))})
    for line in page.lines:
        element = ElementTree.SubElement(region, "TextLine", {"id": line.line_id})
        ElementTree.SubElement(element, "Coords", {"points": _points(line.polygon)})
        ElementTree.SubElement(element, "Baseline", {"points": _points(line.baseline)})
        text = ElementTree.SubElement(element, "TextEquiv")
        ElementTree.SubElement(text, "Unicode").text = line.text
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"


def _box(page: WrittenPage) -> tuple[Point, ...]:
    xs = [x for line in page.lines for x, _ in line.polygon]
    ys = [y for line in page.lines for _, y in line.polygon]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    return (left, top), (right, top), (right, bottom), (left, bottom)


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
