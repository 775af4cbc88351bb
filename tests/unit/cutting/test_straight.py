"""Lines that slope or bend become level, as high as their letters are; what belongs to neighbours is painted over."""

import cv2
import numpy as np

from loghi_contract.cut import Cut
from loghi_runner.aliases import Point
from loghi_runner.cutting.cut import CutLine, LineShape, cut_lines, estimated_size
from loghi_runner.cutting.image import Pixels

PAPER, INK = 225, 30
X_HEIGHT, GAP = 20, 70
XS = np.arange(100, 1301, 60)


def bent_y(x: float, line: int) -> float:
    """A line that falls 150 px over its length and sags by 40 px in the middle."""
    share = (x - 100) / 1200
    return 200 + GAP * line + 150 * share + 160 * share * (1 - share)


def page(lines: int = 4) -> Pixels:
    image = np.full((800, 1400, 3), PAPER, np.uint8)
    for line in range(lines):
        for x in range(110, 1290, 15):
            y = round(bent_y(x, line))
            cv2.rectangle(image, (x, y - X_HEIGHT), (x + 5, y), (INK, INK, INK), -1)
    return image


def shape(line: int, beginning: int = 0) -> LineShape:
    xs = XS[beginning:]
    baseline: tuple[Point, ...] = tuple((float(x), bent_y(x, line)) for x in xs)
    above = tuple((x, y - 40.0) for x, y in baseline)
    below = tuple((x, y + 15.0) for x, y in reversed(baseline))
    return LineShape(baseline, above + below, None)


def straightened(shapes: list[LineShape], channels: int = 4) -> list[Pixels]:
    cut = [outcome for _, outcome in cut_lines(page(), shapes, range(len(shapes)), Cut.STRAIGHT, channels)]
    assert all(isinstance(outcome, CutLine) and outcome.way is None for outcome in cut)
    return [outcome.pixels for outcome in cut if isinstance(outcome, CutLine)]


def rows_with_ink(pixels: Pixels) -> list[int]:
    return np.flatnonzero((pixels[:, :, 0] < 100).any(axis=1)).tolist()


def test_a_bent_line_becomes_a_level_row_of_its_letters() -> None:
    (pixels,) = straightened([shape(0)])
    rows = rows_with_ink(pixels)
    assert len(rows) <= X_HEIGHT + 5, "all letters stand in the same rows"
    assert pixels.shape[0] < 100, "not as high as the box of the line, which has 245 rows"
    assert abs(pixels.shape[1] - 1210) < 10


def test_neighbours_are_painted_over_with_paper() -> None:
    for pixels in straightened([shape(line) for line in range(4)]):
        outside = pixels[pixels[:, :, 3] == 1][:, :3]
        assert len(outside)
        assert (abs(outside.astype(int) - PAPER) <= 3).all()


def test_lines_of_a_page_have_one_scale() -> None:
    lone = shape(0)
    flourish = tuple((x, y - 150.0) for x, y in lone.outline[: len(XS)]) + lone.outline[len(XS) :]
    heights = [
        pixels.shape[0]
        for pixels in straightened([shape(1), shape(2), shape(3), LineShape(lone.baseline, flourish, None)])
    ]
    assert heights[0] == heights[1] == heights[2]
    assert heights[3] <= 1.25 * heights[0]


def test_a_baseline_drawn_from_right_to_left_leaves_its_letters_upright() -> None:
    line = shape(1)
    (forth,), (back,) = straightened([line]), straightened([LineShape(line.baseline[::-1], line.outline, None)])
    assert forth.shape == back.shape
    assert np.abs(forth.astype(int) - back.astype(int)).mean() < 1


def test_the_size_is_known_before_anything_is_cut() -> None:
    for pixels, line in zip(straightened([shape(0), shape(1, 8)]), (shape(0), shape(1, 8)), strict=True):
        width, height = estimated_size(line, Cut.STRAIGHT) or (0, 0)
        assert abs(width / height / (pixels.shape[1] / pixels.shape[0]) - 1) < 0.15
