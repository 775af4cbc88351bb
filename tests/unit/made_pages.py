"""Made pages: small drawn images with PAGE XML or ALTO, in any of the forms that are met."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from PIL import Image, ImageDraw

PAGE_2019 = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
PAGE_2013 = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15"
ALTO_4 = "http://www.loc.gov/standards/alto/ns-v4#"

WIDTH, HEIGHT = 600, 400


@dataclass(frozen=True)
class MadeLine:
    """One line; `inner` is raw XML in place of the text."""

    id: str
    text: str = "some words"
    y: int = 100
    baseline: bool = True
    outline: bool = True
    custom: str = ""
    inner: str | None = None


def page_xml(
    lines: Sequence[MadeLine], *, namespace: str = PAGE_2019, prefix: str = "", size: str | None = None
) -> str:
    """A PAGE file; `size` is the text of the image size's attributes."""
    p = f"{prefix}:" if prefix else ""
    attribute = f"xmlns:{prefix}" if prefix else "xmlns"
    size = size if size is not None else f'imageWidth="{WIDTH}" imageHeight="{HEIGHT}"'
    body = "\n".join(_page_line(line, p) for line in lines)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{p}PcGts {attribute}="{namespace}">\n'
        f'<{p}Page imageFilename="p.png" {size}>\n<{p}TextRegion id="r">\n{body}\n</{p}TextRegion>\n'
        f"</{p}Page>\n</{p}PcGts>\n"
    )


def alto_xml(lines: Sequence[MadeLine], *, unit: str = "pixel", baseline: str = "40,{y} 400,{y}") -> str:
    body = "\n".join(
        f'<TextLine ID={quoteattr(line.id)} HPOS="40" VPOS="{line.y - 30}" WIDTH="360" HEIGHT="40" '
        f'BASELINE="{baseline.format(y=line.y)}">'
        + (line.inner if line.inner is not None else f"<String CONTENT={quoteattr(line.text)}/>")
        + "</TextLine>"
        for line in lines
    )
    return (
        f'<alto xmlns="{ALTO_4}"><Description><MeasurementUnit>{unit}</MeasurementUnit>'
        "<sourceImageInformation><fileName>p.png</fileName></sourceImageInformation></Description>"
        f'<Layout><Page WIDTH="{WIDTH}" HEIGHT="{HEIGHT}"><PrintSpace><TextBlock>{body}</TextBlock>'
        "</PrintSpace></Page></Layout></alto>"
    )


def draw_page(
    path: Path, lines: Sequence[MadeLine], *, size: tuple[int, int] = (WIDTH, HEIGHT), shade: int = 235
) -> None:
    """Strokes above each baseline on even paper."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (shade, shade, shade - 10))
    pen = ImageDraw.Draw(image)
    for line in lines:
        for x in range(50, 390, 14):
            pen.line((x, line.y - 14, x + 6, line.y - 1), fill=(40, 30, 30), width=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def write_page(folder: Path, stem: str, lines: Sequence[MadeLine], *, shade: int = 235) -> None:
    """An image with page/<stem>.xml."""
    draw_page(folder / f"{stem}.png", lines, shade=shade)
    (folder / "page").mkdir(exist_ok=True)
    (folder / "page" / f"{stem}.xml").write_text(page_xml(lines), encoding="utf-8")


def write_pages(folder: Path, count: int, lines: int = 4) -> None:
    """Pages that all differ."""
    for number in range(count):
        made = [MadeLine(f"l{i}", f"line {i} of page {number}", 60 + 70 * i) for i in range(lines)]
        write_page(folder, f"p{number:02}", made, shade=200 + number)


def _page_line(line: MadeLine, p: str) -> str:
    shapes = ""
    if line.outline:
        top, bottom = line.y - 25, line.y + 10
        shapes += f'<{p}Coords points="40,{top} 400,{top} 400,{bottom} 40,{bottom}"/>'
    if line.baseline:
        shapes += f'<{p}Baseline points="40,{line.y} 400,{line.y}"/>'
    inner = line.inner
    if inner is None:
        inner = f"<{p}TextEquiv><{p}Unicode>{escape(line.text)}</{p}Unicode></{p}TextEquiv>"
    custom = f" custom={quoteattr(line.custom)}" if line.custom else ""
    return f"<{p}TextLine id={quoteattr(line.id)}{custom}>{shapes}{inner}</{p}TextLine>"
