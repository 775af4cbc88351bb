"""A line image is made level from itself alone, and is as high then as its writing."""

import numpy as np
import pytest

from loghi_trainer.images import Pixels, resized_width
from loghi_trainer.straighten import straighten

PAPER, INK = 220, 40
HEIGHT, WIDTH, X_HEIGHT = 100, 900, 22


def box(slope: int, sag: int = 0, channels: int = 1) -> Pixels:
    """Strokes along a line that falls by `slope` rows from its beginning to its end, and sags in the middle."""
    image = np.full((HEIGHT, WIDTH, channels), PAPER, np.uint8)
    for x in range(20, WIDTH - 20, 14):
        share = x / WIDTH
        y = round((HEIGHT + X_HEIGHT - slope) / 2 + slope * share + 4 * sag * share * (1 - share) - sag / 2)
        image[max(y - X_HEIGHT, 0) : y, x : x + 5, :3] = INK
    return image


def rows_of_writing(pixels: Pixels) -> float:
    """The share of rows that hold ink."""
    return float((pixels[:, :, 0] < 120).any(axis=1).mean())


@pytest.mark.parametrize(("slope", "sag"), [(60, 0), (-60, 0), (0, 40), (40, -25)])
def test_a_line_that_slopes_or_bends_becomes_level(slope: int, sag: int) -> None:
    pixels = box(slope, sag)
    level = straighten(pixels, 64)
    # a level line of this x-height fills three fifths of its band, as much is room
    assert rows_of_writing(level) < 0.8 < rows_of_writing(pixels) + 0.25
    assert resized_width(level, 64) > 1.25 * resized_width(pixels, 64), "its letters have more pixels now"


def test_a_level_line_keeps_its_shape() -> None:
    pixels = box(0)
    level = straighten(pixels, 64)
    filled = (level[:, :, 0] < 120).any(axis=1)
    first, last = np.flatnonzero(filled)[[0, -1]]
    assert filled[first : last + 1].all()
    assert level.shape[1] / level.shape[0] == pytest.approx(WIDTH / (X_HEIGHT * level.shape[0] / filled.sum()), rel=0.2)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_stay_and_the_shape_of_the_line_with_them(channels: int) -> None:
    pixels = box(90, channels=channels)
    if channels == 4:
        pixels[..., 3] = 255
        pixels[[0, -1], :, 3] = 1
    level = straighten(pixels, 64)
    assert level.shape[2] == channels
    assert level.dtype == np.uint8
    if channels == 4:
        assert 0.05 < (level[:, :, 3] < 10).mean() < 0.5, "what lies beyond the image lies outside the line"


@pytest.mark.parametrize("shape", [(64, 100, 1), (2, 900, 1), (64, 60, 3)])
def test_what_is_too_short_to_tell_is_as_it_was(shape: tuple[int, ...]) -> None:
    pixels = np.full(shape, PAPER, np.uint8)
    assert straighten(pixels, 64) is pixels


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_an_image_without_writing_is_left_whole(shade: int) -> None:
    level = straighten(np.full((64, 900, 1), shade, np.uint8), 64)
    assert level.shape == (64, 900, 1)
    assert (level == shade).all()
