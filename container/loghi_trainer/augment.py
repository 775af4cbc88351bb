"""Light augmentation of line images: the same text, written a little differently."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from loghi_contract.job import Augmentation
from loghi_trainer.images import Tensor

# the ranges keep letters readable to a person; measured on the new hand, see docs/architecture
_WIDTH_SCALE = (0.85, 1.15)
_SHEAR = (-0.25, 0.25)
_ELASTIC_SPACING_PX = 24
_ELASTIC_SHIFT_PX = 1.6
_BLUR_SHARE = 0.3
_BLUR_SIGMA_PX = (0.4, 1.0)


def augment_light(line: Tensor, rng: np.random.Generator) -> Tensor:
    """Vary width, slant, strokes and sharpness.

    Args:
        line: float32 (height, width, channels), 0..255.
        rng: drawn from in a fixed order, so that one seed gives one result.

    Returns:
        float32 (height, another width, channels), 0..255.
    """
    height, width, channels = line.shape
    new_width = max(1, round(width * rng.uniform(*_WIDTH_SCALE)))
    shear = rng.uniform(*_SHEAR)
    shift_x = _smooth_field(height, new_width, rng)
    shift_y = _smooth_field(height, new_width, rng)
    blur = rng.random() < _BLUR_SHARE
    sigma_px = rng.uniform(*_BLUR_SIGMA_PX)

    rows, columns = np.mgrid[0:height, 0:new_width].astype(np.float32)
    source_x = (columns + 0.5) * (width / new_width) - 0.5 + shear * (rows - height / 2) + shift_x
    source_y = rows + shift_y
    warped = cv2.remap(
        line,
        source_x.astype(np.float32),
        source_y.astype(np.float32),
        interpolation=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if blur:
        warped = cv2.GaussianBlur(warped, (0, 0), sigma_px)
    return np.asarray(warped, np.float32).reshape(height, new_width, channels)


def _smooth_field(height: int, width: int, rng: np.random.Generator) -> Tensor:
    """Displacements in pixels that change slowly over the image (elastic deformation)."""
    grid_shape = (height // _ELASTIC_SPACING_PX + 2, width // _ELASTIC_SPACING_PX + 2)
    grid = rng.normal(0.0, _ELASTIC_SHIFT_PX, grid_shape).astype(np.float32)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


#: What is done to a line, by the name of it in a job.
AUGMENTATIONS: Final[dict[Augmentation, Callable[[Tensor, np.random.Generator], Tensor] | None]] = {
    Augmentation.NONE: None,
    Augmentation.LIGHT: augment_light,
}
