"""Lays paragraphs out on a page: every line gets ink, a baseline and a polygon around its ink."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sample_maker.ink import VISIBLE_INK, FloatImage, Font, Pen, Strip, font_for_pen, measure, write_line
from sample_maker.texts import Align, Language, Paragraph

Point = tuple[int, int]


@dataclass(frozen=True)
class PageSize:
    """Size of a page and its margins in pixels."""

    width_px: int = 1400
    height_px: int = 1900
    side_px: int = 120
    top_px: int = 150
    bottom_px: int = 90

    def line_limit(self, full_page: int) -> int:
        """Return how many lines fit where `full_page` lines fit on a page of the usual height."""
        usual_px = PageSize.height_px - PageSize.top_px - PageSize.bottom_px
        return max(1, round(full_page * (self.height_px - self.top_px - self.bottom_px) / usual_px))


@dataclass(frozen=True)
class WrittenLine:
    """One line of a page; points are (x, y) in page pixels, left to right along the baseline."""

    line_id: str
    text: str
    baseline: tuple[Point, ...]
    polygon: tuple[Point, ...]


@dataclass(frozen=True)
class WrittenPage:
    """A page as ink, before it is scanned."""

    ink: FloatImage
    lines: tuple[WrittenLine, ...]
    language: Language


def write_page(
    paragraphs: Sequence[Paragraph],
    language: Language,
    font: Font,
    pen: Pen,
    size: PageSize,
    line_limit: int,
    random: np.random.Generator,
) -> WrittenPage:
    """Return the page with as many lines of the paragraphs as it holds, at most `line_limit`."""
    sized = font_for_pen(font, pen)
    room_px = size.width_px - 2 * size.side_px
    rows = [
        (text, paragraph.align) for paragraph in paragraphs for text in break_lines(paragraph.text, sized, pen, room_px)
    ][:line_limit]
    pitch_px = (size.height_px - size.top_px - size.bottom_px) / max(1, line_limit - 1)
    slope = float(random.normal(0.0, 0.004))
    ink = np.zeros((size.height_px, size.width_px), dtype=np.float32)
    lines = []
    for number, (text, align) in enumerate(rows, start=1):
        strip = write_line(text, sized, pen, random)
        start_x = size.side_px + float(random.normal(0.0, 5.0))
        if align is Align.RIGHT:
            start_x = max(
                start_x, size.width_px - size.side_px - measure(sized, text, pen) + float(random.uniform(-60, 0))
            )
        start_y = size.top_px + (number - 1) * pitch_px + float(random.normal(0.0, 0.04 * pitch_px))
        # about the page's middle: a steep page must not run off its edge
        heights = start_y + _baseline_offsets(size.width_px, slope, random)
        lines.append(_lay(strip, f"r1l{number:02d}", text, start_x, heights, ink))
    return WrittenPage(np.minimum(ink, 1.0), tuple(lines), language)


def break_lines(text: str, font: Font, pen: Pen, room_px: float) -> list[str]:
    """Return the text in lines that fit into `room_px`, broken between words."""
    lines: list[str] = []
    current = ""
    for word in text.split():
        longer = f"{current} {word}" if current else word
        if current and measure(font, longer, pen) > room_px:
            lines.append(current)
            current = word
        else:
            current = longer
    return [*lines, current] if current else lines


def outline(ink: FloatImage, baseline_px: FloatImage, x_height_px: float) -> list[tuple[float, float]]:
    """Return a polygon, relative to the strip, that contains all visible ink of a line.

    Args:
        ink: the strip, 0-1.
        baseline_px: height of the baseline in every column.
        x_height_px: the polygon reaches at least 1.5 times so far above the baseline, 0.6 times below.
    """
    visible = ink > VISIBLE_INK
    columns = np.flatnonzero(visible.any(axis=0))
    first, last = int(columns[0]) - 4, int(columns[-1]) + 4
    height = ink.shape[0]
    covered = visible.any(axis=0)
    tops = np.where(covered, visible.argmax(axis=0), height)
    bottoms = np.where(covered, height - 1 - visible[::-1].argmax(axis=0), -1)
    corners = np.linspace(first, last, max(2, round((last - first) / 34) + 1))
    above, below = [], []
    for index, corner in enumerate(corners):
        # a corner answers for both its neighbours: the straight edges between then miss no ink
        left = max(0, int(np.floor(corners[max(0, index - 1)])))
        right = int(np.ceil(corners[min(len(corners) - 1, index + 1)])) + 1
        middle = float(baseline_px[int(np.clip(corner, 0, ink.shape[1] - 1))])
        above.append((float(corner), min(float(tops[left:right].min()) - 3.0, middle - 1.5 * x_height_px)))
        below.append((float(corner), max(float(bottoms[left:right].max()) + 4.0, middle + 0.6 * x_height_px)))
    return above + below[::-1]


def _baseline_offsets(width_px: int, slope: float, random: np.random.Generator) -> FloatImage:
    """Return how far the baseline is off its straight height in every column of the page."""
    along = np.arange(width_px, dtype=np.float32) / width_px - 0.5
    tilt = (slope + float(random.normal(0.0, 0.0015))) * width_px * along
    bow = float(random.normal(0.0, 5.0)) * (1.0 - 4.0 * along**2)
    waves = float(random.uniform(0.3, 1.6)) * np.sin(
        2.0 * np.pi * (along * float(random.uniform(1.5, 4.0)) + random.random())
    )
    return np.asarray(tilt + bow + waves, dtype=np.float32)


def _lay(strip: Strip, line_id: str, text: str, start_x: float, heights: FloatImage, ink: FloatImage) -> WrittenLine:
    """Add the strip to the page's ink, its baseline on `heights`; return the line it makes."""
    page_height, page_width = ink.shape
    left = round(start_x) - strip.left_px
    strip_height, strip_width = strip.ink.shape
    columns = np.clip(np.arange(left, left + strip_width), 0, page_width - 1)
    shifts = heights[columns] - strip.baseline_px
    top = int(np.floor(shifts.min()))
    bent = np.zeros((strip_height + int(np.ceil(shifts.max())) - top + 1, strip_width), dtype=np.float32)
    for column in range(strip_width):
        offset = float(shifts[column]) - top
        whole, part = int(offset), offset - int(offset)
        bent[whole : whole + strip_height, column] += (1.0 - part) * strip.ink[:, column]
        bent[whole + 1 : whole + 1 + strip_height, column] += part * strip.ink[:, column]
    # what leaves the page is lost, for the outline too
    inside = np.zeros_like(bent)
    rows = slice(max(0, -top), min(bent.shape[0], page_height - top))
    across = slice(max(0, -left), min(strip_width, page_width - left))
    inside[rows, across] = bent[rows, across]
    target = ink[
        max(0, top) : min(page_height, top + bent.shape[0]), max(0, left) : min(page_width, left + strip_width)
    ]
    np.maximum(target, inside[rows, across], out=target)
    baseline_px = np.asarray(heights[columns] - top, dtype=np.float32)
    corners = outline(inside, baseline_px, _x_height_of(strip))
    polygon = tuple(
        (int(np.clip(round(x + left), 0, page_width - 1)), int(np.clip(round(y + top), 0, page_height - 1)))
        for x, y in corners
    )
    ends = polygon[0][0], polygon[len(polygon) // 2 - 1][0]
    stops = np.linspace(ends[0], ends[1], max(2, (ends[1] - ends[0]) // 150 + 1))
    baseline = tuple((round(float(x)), round(float(heights[round(float(x))]))) for x in stops)
    return WrittenLine(line_id, text, baseline, polygon)


def _x_height_of(strip: Strip) -> float:
    # write_line gives 5 x-heights of room above the baseline
    return strip.baseline_px / 5.0
