"""Coordinates as PAGE XML and ALTO write them."""

import re
from collections.abc import Sequence

from loghi_runner.aliases import Point

# bounded: with digits without end, the search for a comma behind them would take their number cubed
_NUMBER = r"[-+]?(?:\d{1,20}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,3})?"
_PAIR = re.compile(rf"(?<![\d.])({_NUMBER})\s*,\s*({_NUMBER})")


class BadPoints(ValueError):
    """Text that is no list of points."""


def parse_points(text: str | None) -> tuple[Point, ...]:
    """Points from `x,y x,y` or `x y x y`; empty for nothing.

    Raises:
        BadPoints: it is something else.
    """
    text = (text or "").strip()
    pairs = _PAIR.findall(text)
    if _PAIR.sub(" ", text).strip():
        numbers = re.split(r"[\s,]+", text)
        if len(numbers) % 2 or not all(re.fullmatch(_NUMBER, number) for number in numbers):
            raise BadPoints(text[:60])
        pairs = list(_in_pairs(numbers))
    return tuple((float(x), float(y)) for x, y in pairs)


def box_points(left: float, top: float, width: float, height: float) -> tuple[Point, ...]:
    """The four corners of a box, clockwise from the left top."""
    return ((left, top), (left + width, top), (left + width, top + height), (left, top + height))


def _in_pairs(numbers: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(numbers[::2], numbers[1::2], strict=True))
