"""Turns ink into a scan: paper, stains, the writing behind, uneven light, blur, noise."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sample_maker.ink import FloatImage, smooth_noise

ColourImage = npt.NDArray[np.uint8]

_PAPERS = ((236, 226, 202), (228, 219, 196), (222, 206, 172), (233, 229, 215), (214, 203, 178))
_INKS = ((44, 36, 32), (62, 42, 30), (38, 40, 52), (74, 54, 38))


@dataclass(frozen=True)
class Wear:
    """How badly one page has aged and was scanned; all shares are of full black.

    Attributes:
        bleed: darkness of the mirrored writing that shines through.
        stain_count: blots of water and grease.
        noise: deviation of the camera's noise in grey levels.
        blur_px: deviation of the lens blur.
        ink_strength: darkness of the ink.
        ruled: whether faint pencil lines carry the writing.
    """

    bleed: float
    stain_count: int
    noise: float
    blur_px: float
    ink_strength: float
    ruled: bool


def draw_wear(random: np.random.Generator) -> Wear:
    """Return the wear of one page."""
    return Wear(
        bleed=float(random.uniform(0.02, 0.16)),
        stain_count=int(random.integers(0, 5)),
        noise=float(random.uniform(2.0, 4.5)),
        blur_px=float(random.uniform(0.45, 0.95)),
        ink_strength=float(random.uniform(0.76, 0.97)),
        ruled=bool(random.random() < 0.25),
    )


def scan(
    ink: FloatImage, behind: FloatImage, rules_px: list[int], wear: Wear, random: np.random.Generator
) -> ColourImage:
    """Return the page as a scanner sees it.

    Args:
        ink: (height, width), 0-1: the writing on this side.
        behind: the same for the other side of the leaf, not yet mirrored.
        rules_px: heights of the pencil lines, used on a ruled page.

    Returns:
        (height, width, 3), red first.
    """
    shape = (ink.shape[0], ink.shape[1])
    darkness = _fibres(shape, random) + _stains(shape, wear.stain_count, random)
    mirrored = cv2.GaussianBlur(np.ascontiguousarray(behind[:, ::-1]), (0, 0), 1.8)
    darkness += wear.bleed * mirrored * np.clip(0.8 + 0.4 * smooth_noise(shape, 300.0, random), 0.0, 1.5)
    if wear.ruled:
        for height_px in rules_px:
            darkness[height_px : height_px + 2] += 0.07
    paper = np.array(_PAPERS[int(random.integers(len(_PAPERS)))], dtype=np.float32)
    ink_colour = np.array(_INKS[int(random.integers(len(_INKS)))], dtype=np.float32)
    light = _light(shape, random)
    covered = np.clip(wear.ink_strength * ink, 0.0, 1.0)
    sheet = light * np.clip(1.0 - darkness, 0.0, 1.1)
    page = np.empty((*shape, 3), dtype=np.float32)
    # one noise for all three channels: grey noise survives JPEG better and costs fewer bytes
    grain = cv2.GaussianBlur(random.standard_normal(shape).astype(np.float32), (0, 0), 0.6) * (2.0 * wear.noise)
    for channel in range(3):
        # stains are brownish: they take more blue than red
        tinted = paper[channel] * sheet ** (1.0 + 0.25 * channel)
        mixed = tinted * (1.0 - covered) + ink_colour[channel] * light * covered
        page[..., channel] = cv2.GaussianBlur(mixed, (0, 0), wear.blur_px) + grain
    return np.clip(np.rint(page), 0, 255).astype(np.uint8)


def _fibres(shape: tuple[int, int], random: np.random.Generator) -> FloatImage:
    """Return the paper's own unevenness: clouds, mottling, fine grain."""
    clouds = 0.018 * smooth_noise(shape, 260.0, random) + 0.010 * smooth_noise(shape, 45.0, random)
    return np.asarray(clouds + 0.006 * smooth_noise(shape, 6.0, random), dtype=np.float32)


def _stains(shape: tuple[int, int], count: int, random: np.random.Generator) -> FloatImage:
    """Return blots with a darker rim, and the brown specks that old paper gets."""
    height, width = shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    darkness = np.zeros(shape, dtype=np.float32)
    for _ in range(count):
        radius = float(random.uniform(40, 190))
        row, column = float(random.uniform(0, height)), float(random.uniform(0, width))
        distance = np.hypot(rows - row, columns - column) / radius
        distance += 0.16 * smooth_noise(shape, 0.8 * radius, random)
        inside = 1.0 / (1.0 + np.exp(np.clip((distance - 1.0) * 22.0, -30.0, 30.0)))
        rim = np.exp(-(((distance - 0.97) / 0.05) ** 2))
        darkness += float(random.uniform(0.03, 0.09)) * inside + float(random.uniform(0.02, 0.08)) * rim
    specks = np.zeros(shape, dtype=np.float32)
    for _ in range(int(random.integers(10, 60))):
        place = (int(random.integers(width)), int(random.integers(height)))
        cv2.circle(specks, place, int(random.integers(1, 4)), float(random.uniform(0.08, 0.35)), -1)
    return np.asarray(darkness + cv2.GaussianBlur(specks, (0, 0), 1.2), dtype=np.float32)


def _light(shape: tuple[int, int], random: np.random.Generator) -> FloatImage:
    """Return the lamp's brightness: a slope, darker corners, and the shadow of the book's fold."""
    height, width = shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    down, across = rows / height - 0.5, columns / width - 0.5
    slope = float(random.normal(0.0, 0.07)) * down + float(random.normal(0.0, 0.09)) * across
    corners = float(random.uniform(0.05, 0.22)) * (down**2 + across**2)
    from_fold = columns if random.random() < 0.5 else width - columns
    fold = float(random.uniform(0.15, 0.45)) * np.exp(-from_fold / float(random.uniform(25, 70)))
    return np.asarray(1.0 + slope - corners - fold, dtype=np.float32)
