"""The lines of a page as kraken knows them, cut out as `loghi-runner recognize` cuts them."""

from dataclasses import dataclass
from logging import getLogger
from typing import Any  # kraken is not typed

from PIL import Image

from loghi_contract.cut import Cut
from loghi_runner.cutting.cut import CHANNELS, CutLine, LineShape, cut_lines
from loghi_runner.cutting.image import as_png, pixels_of

logger = getLogger(__name__)


@dataclass(frozen=True)
class LineImage:
    """A line image as the bytes of the PNG file that `recognize` would have written."""

    png: bytes
    width_px: int


def cut_page(page: Image.Image, segmentation: Any, cut: Cut) -> dict[int, LineImage]:
    """The line images of a kraken segmentation, by the line's place in it; those that cannot be cut are missing."""
    shapes = [shape_of(line) for line in segmentation.lines]
    images: dict[int, LineImage] = {}
    for number, outcome in cut_lines(pixels_of(page), shapes, range(len(shapes)), cut, CHANNELS):
        if isinstance(outcome, CutLine):
            images[number] = LineImage(as_png(outcome.pixels), outcome.pixels.shape[1])
        else:
            logger.warning("line %s is not read: %s", segmentation.lines[number].id, outcome.detail)
    return images


def shape_of(line: Any) -> LineShape:
    """The geometry of a kraken line: baseline and boundary, or the corners of its box."""
    if line.type == "bbox":
        left, top, right, bottom = line.bbox
        return LineShape((), ((left, top), (right, top), (right, bottom), (left, bottom)), None)
    return LineShape(_points(line.baseline), _points(line.boundary), None)


def _points(points: Any) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in points or ())
