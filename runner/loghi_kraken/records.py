"""What was read in a line as a record of kraken: text, confidences, and where each character stands in the page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any  # kraken is not typed

import numpy as np
from kraken.containers import BaselineOCRRecord, BBoxOCRRecord
from numpy.typing import NDArray

from loghi_contract.cut import Cut

if TYPE_CHECKING:
    from loghi_kraken.reader import ReadCharacter

Floats = NDArray[np.float64]


def record_of(line: Any, characters: "Sequence[ReadCharacter]", width_px: int, cut: Cut) -> Any:
    """The record of one line.

    The places of characters are approximate: CTC tells in which frames a character was seen, not where it begins.

    Args:
        width_px: of the line image; without characters it does not matter.
    """
    text = "".join(character.text for character in characters)
    confidences = [character.confidence for character in characters]
    xs = np.asarray([(character.start, character.end) for character in characters]).reshape(-1, 2) * width_px
    if line.type == "bbox":
        places: list[Any] = [_corners(line.bbox, *pair) for pair in xs.tolist()]
        record = BBoxOCRRecord
    else:
        along = _along_baseline(line, xs.ravel(), width_px, cut).reshape(-1, 2)
        places = [(int(start), int(end)) for start, end in np.sort(along.round(), axis=1)]
        record = BaselineOCRRecord
    # the text is in reading order already: Loghi models are taught texts as they are written
    return record(text, places, confidences, line, display_order=False)


def _corners(bbox: tuple[int, int, int, int], start: float, end: float) -> tuple[tuple[int, int], ...]:
    left, top, _, bottom = bbox
    first, last = round(left + start), round(left + end)
    return (first, top), (last, top), (last, bottom), (first, bottom)


def _along_baseline(line: Any, xs: Floats, width_px: int, cut: Cut) -> Floats:
    """Places in the line image as lengths on the baseline, which kraken prolongs to the line's boundary first."""
    baseline = np.asarray(line.baseline or [(0, 0), (1, 0)], np.float64)
    boundary = np.asarray(line.boundary or line.baseline or [(0, 0)], np.float64)
    way = baseline[-1] - baseline[0]
    direction = way / (np.linalg.norm(way) or 1.0)
    at = baseline @ direction
    if cut is Cut.LOGHI and len(baseline) > 1:
        # the image lies along the baseline, with the same room before and after it
        seen = (at.min() + at.max() - width_px) / 2 + xs
    elif cut is Cut.STRAIGHT and len(baseline) > 1:
        seen = (boundary @ direction).min() + xs
    else:
        across = np.stack([boundary[:, 0].min() + xs, np.full(len(xs), baseline[:, 1].mean())], axis=1)
        seen = across @ direction
    reach = boundary @ direction
    before, after = max(at[0] - reach.min(), 0.0), max(reach.max() - at[-1], 0.0)
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(baseline, axis=0), axis=1))]) + before
    known = np.maximum.accumulate(np.concatenate([[at[0] - before], at, [at[-1] + after]]))
    return np.asarray(np.interp(seen, known, np.concatenate([[0.0], lengths, [lengths[-1] + after]])))
