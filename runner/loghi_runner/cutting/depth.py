"""Samples of any depth and meaning as eight bits in which black is 0, as every viewer shows them."""

from typing import Any  # samples are of whatever type a file has

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

#: Depths of scanners; samples without a statement have the smallest of these that holds them all.
_DEPTHS = (8, 10, 12, 14, 16, 24, 32)
#: What a real number for white may be: a share, or a whole number of so many bits.
_WHITES = (1.0, 255.0, 65535.0)


class OddSamples(ValueError):
    """Samples nobody can say the brightness of; the message says why, in plain words."""


def as_eight_bits(samples: NDArray[Any], *, stated: int | None = None, white_is_zero: bool = False) -> Pixels:
    """The samples scaled to 0..255, of the same shape.

    Args:
        stated: the largest sample there can be (TIFF's MaxSampleValue); programs write the largest that there is, too,
            so it tells the number of bits and no more.
        white_is_zero: TIFF's photometric interpretation 0.

    Raises:
        OddSamples: samples below zero, not a number, or with no white that anybody writes.

    Source: TIFF 6.0, sections 8 and 4; scanners that write 10 or 12 bits into 16 without a word.
    """
    least, most = samples.min(initial=0), samples.max(initial=0)
    if not np.isfinite(most - least):
        raise OddSamples("it has pixels that are no number")
    if least < 0:
        raise OddSamples("it has pixels darker than black (numbers below zero)")
    if np.issubdtype(samples.dtype, np.floating):
        white = next((white for white in _WHITES if most <= white), None)
        if white is None:
            raise OddSamples(f"its pixels go up to {most:g}, and nobody says how much is white")
        eight = np.round(samples * (255 / white)).astype(np.uint8)
    else:
        bits = _bits(int(most), stated)
        eight = (samples >> (bits - 8) if bits >= 8 else samples * (255 // (2**bits - 1))).astype(np.uint8)
    return 255 - eight if white_is_zero else eight


def _bits(most: int, stated: int | None) -> int:
    if stated is not None and stated >= most:
        return max(stated.bit_length(), 1)
    return next(bits for bits in _DEPTHS if most < 2**bits)
