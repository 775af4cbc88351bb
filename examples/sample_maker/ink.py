"""Writes one line of text as ink: words set apart unevenly, then bent and worn like pen strokes."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

FloatImage = npt.NDArray[np.float32]
Font = ImageFont.FreeTypeFont

OVERSAMPLING = 2
"""Lines are drawn this much larger than they appear on the page, then shrunk: smooth edges."""

VISIBLE_INK = 0.12
"""Ink below this share of full black is lost in the paper's noise: not part of a line's outline."""

_MARGIN_PX = 24


@dataclass(frozen=True)
class Pen:
    """How one page is written.

    Attributes:
        x_height_px: height of a small x on the page.
        slant: horizontal shift per pixel of height; positive leans right.
        stretch: width relative to the font's own.
        threshold: blurred strokes above it are ink (0-1): low is a broad, wet pen.
        wobble_px: how far strokes stray from the font's outline.
        word_gap: width of the gap between words relative to the font's own.
        stroke_px: added around every stroke before oversampling is undone, for hairline fonts.
    """

    x_height_px: float
    slant: float
    stretch: float
    threshold: float
    wobble_px: float
    word_gap: float
    stroke_px: int


@dataclass(frozen=True)
class Strip:
    """A written line before it lies on the page: ink 0-1, and where its baseline starts in it."""

    ink: FloatImage
    baseline_px: int
    left_px: int


def measure(font: Font, text: str, pen: Pen) -> float:
    """Return the usual width of `text` on the page in pixels; the words' gaps vary around it."""
    gaps_px = text.count(" ") * font.getlength(" ")
    return (font.getlength(text) + (1.1 * pen.word_gap - 1.0) * gaps_px) * pen.stretch / OVERSAMPLING


def font_for_pen(font: Font, pen: Pen) -> Font:
    """Return the font at the size whose small x has the pen's height, oversampled."""
    probe = font.font_variant(size=200)
    _, top, _, _ = probe.getbbox("x", anchor="ls")
    return font.font_variant(size=round(200 * pen.x_height_px * OVERSAMPLING / -top))


def write_line(text: str, font: Font, pen: Pen, random: np.random.Generator) -> Strip:
    """Return `text` as ink at page size.

    Args:
        text: words separated by single spaces.
        font: from `font_for_pen`.
    """
    above, below = round(5.0 * pen.x_height_px * OVERSAMPLING), round(3.0 * pen.x_height_px * OVERSAMPLING)
    gap_px = font.getlength(" ") * pen.word_gap
    margin = _MARGIN_PX * OVERSAMPLING
    width = round(font.getlength(text) * 1.25) + 4 * margin
    canvas = Image.new("L", (width, above + below), 0)
    draw = ImageDraw.Draw(canvas)
    left = float(2 * margin)
    for word in text.split(" "):
        lift = float(random.normal(0.0, 0.035)) * pen.x_height_px * OVERSAMPLING
        draw.text((left, above + lift), word, font=font, fill=255, anchor="ls", stroke_width=pen.stroke_px)
        left += font.getlength(word) + gap_px * float(random.uniform(0.85, 1.35))
    strokes = np.asarray(canvas, dtype=np.float32)[:, : min(width, round(left) + 2 * margin)] / 255.0
    return _bend(_wear(strokes, pen, random), above, pen, random)


def smooth_noise(shape: tuple[int, int], scale_px: float, random: np.random.Generator) -> FloatImage:
    """Return noise of mean 0 and deviation about 1 whose bumps are about `scale_px` wide."""
    height, width = shape
    rows, columns = (max(2, round(side / scale_px) + 3) for side in shape)
    coarse = random.standard_normal((rows, columns)).astype(np.float32)
    grown = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(grown, dtype=np.float32)


def _wear(strokes: FloatImage, pen: Pen, random: np.random.Generator) -> FloatImage:
    """Return the strokes with uneven breadth, and paler the longer ago the pen was dipped."""
    blurred = cv2.GaussianBlur(strokes, (0, 0), 0.04 * pen.x_height_px * OVERSAMPLING)
    # the blur alone would wipe out dots
    blurred = np.maximum(blurred, 0.85 * strokes)
    threshold = pen.threshold + 0.05 * smooth_noise(strokes.shape, 60.0, random)
    edges = np.clip((blurred - threshold) / 0.22 + 0.5, 0.0, 1.0)
    columns = np.arange(strokes.shape[1], dtype=np.float32)
    dip_every = float(random.uniform(350, 800)) * OVERSAMPLING
    since_dip = np.mod(columns + float(random.uniform(0, dip_every)), dip_every) / dip_every
    wetness = (1.0 - 0.28 * since_dip)[None, :]
    density = np.clip(wetness * (0.95 + 0.09 * smooth_noise(strokes.shape, 14.0, random)), 0.35, 1.0)
    return np.asarray(edges * density, dtype=np.float32)


def _bend(ink: FloatImage, baseline: int, pen: Pen, random: np.random.Generator) -> Strip:
    """Return the oversampled ink at page size: slanted, stretched, every stroke a little astray."""
    height = ink.shape[0] // OVERSAMPLING
    width = round(ink.shape[1] * pen.stretch / OVERSAMPLING)
    across = pen.wobble_px * smooth_noise((height, width), 1.1 * pen.x_height_px, random)
    along = pen.wobble_px * smooth_noise((height, width), 1.1 * pen.x_height_px, random)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    baseline_px = baseline // OVERSAMPLING
    slanted = columns + pen.slant * (rows - baseline_px) + along
    source_x = slanted * OVERSAMPLING / pen.stretch
    source_y = (rows + across) * OVERSAMPLING
    softened = cv2.GaussianBlur(ink, (0, 0), 0.35 * OVERSAMPLING)
    bent = cv2.remap(softened, source_x.astype(np.float32), source_y.astype(np.float32), cv2.INTER_LINEAR)
    left_px = round(2 * _MARGIN_PX * pen.stretch)
    return Strip(np.asarray(bent, dtype=np.float32), baseline_px, left_px)
