"""The two hands: their fonts, where these come from, and how their pens differ."""

from dataclasses import dataclass

import numpy as np

from sample_maker.ink import Pen


@dataclass(frozen=True)
class FontSource:
    """A font in an npm package, pinned.

    Attributes:
        sha256: of the font file, in hexadecimal.
        stroke_px: see `Pen`.
    """

    name: str
    package: str
    version: str
    file: str
    sha256: str
    author: str
    licence: str
    stroke_px: int = 0


@dataclass(frozen=True)
class Hand:
    """A handwriting: one font per page, chosen in turn.

    Attributes:
        slug: the first part of the names of its pages.
        x_height_px: the middle of the range of `Pen.x_height_px`.
        word_gap: see `Pen`; evens out fonts with wide and narrow spaces.
        threshold: the middle of the range of `Pen.threshold`.
    """

    slug: str
    folder: str
    fonts: tuple[FontSource, ...]
    x_height_px: float
    word_gap: float
    threshold: float

    def font_of_page(self, number: int) -> FontSource:
        """Return the font that writes page `number`, counted from 1."""
        return self.fonts[(number - 1) % len(self.fonts)]

    def draw_pen(self, source: FontSource, random: np.random.Generator) -> Pen:
        """Return the pen of one page, which is written with `source`."""
        return Pen(
            x_height_px=self.x_height_px * float(random.uniform(0.93, 1.07)),
            slant=float(random.uniform(-0.02, 0.16)),
            stretch=float(random.uniform(0.92, 1.05)),
            threshold=self.threshold + float(random.uniform(-0.06, 0.06)),
            wobble_px=float(random.uniform(0.5, 0.95)),
            word_gap=self.word_gap,
            stroke_px=source.stroke_px,
        )


def _fontsource(name: str, slug: str, author: str, licence: str, sha256: str, stroke_px: int = 0) -> FontSource:
    return FontSource(
        name=name,
        package=f"@fontsource/{slug}",
        version="5.3.0",
        file=f"files/{slug}-latin-400-normal.woff",
        sha256=sha256,
        stroke_px=stroke_px,
        author=author,
        licence=licence,
    )


BASE_HAND = Hand(
    slug="office",
    folder="base_hand",
    fonts=(
        _fontsource(
            "La Belle Aurore",
            "la-belle-aurore",
            "Kimberly Geswein",
            "OFL-1.1",
            "d5ec94f05c2cb9ab9dd5bba03faede9a6d767803e36b6b5df36f64ada8546ce0",
        ),
        _fontsource(
            "Dawning of a New Day",
            "dawning-of-a-new-day",
            "Kimberly Geswein",
            "OFL-1.1",
            "db6b4ace05ee8134f67c89150c387961d9c4f3e8ecc3efecfe8510738c3158fd",
            stroke_px=1,
        ),
        _fontsource(
            "Cedarville Cursive",
            "cedarville-cursive",
            "Kimberly Geswein",
            "OFL-1.1",
            "8d8360a98492b42d02c17e94c38bcd2a3cce6db6b9b430f3a110e71f81d7149c",
        ),
    ),
    x_height_px=17.8,
    word_gap=0.62,
    threshold=0.30,
)

NEW_HAND = Hand(
    slug="letters",
    folder="new_hand",
    fonts=(
        _fontsource(
            "Homemade Apple",
            "homemade-apple",
            "Font Diner, Inc.",
            "Apache-2.0",
            "998f34b48e0bcb8974dc6e8d94961a87689ca40e3258554d2f6fc3778b1968a3",
        ),
    ),
    x_height_px=20.0,
    word_gap=1.4,
    threshold=0.40,
)
