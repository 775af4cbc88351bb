"""Lines of one page in two XML files, paired: by id where the place agrees, all others by place."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loghi_runner.pages.model import Page, PageLine

#: Lines whose boxes share more than this, by their joint area, are the same.
_SAME_BOX = 0.5
#: Another line fits clearly better when it shares so much more.
_BETTER = 0.2
#: Both directions' factors may differ by so much and still be one scale. Source: `prepare.survey`.
_ONE_SCALE = 0.01
#: A baseline without an outline stands for a line of this height, as a share of the page's, if no line has an outline.
_LINE_HEIGHT = 1 / 40

_Boxes = NDArray[np.float64]


@dataclass(frozen=True)
class LinePairs:
    """The other page's line by place in the first page; `by_place` are those not paired by id.

    `scaled`: the pages' coordinates are for images of different size.
    """

    partners: dict[int, PageLine]
    by_place: frozenset[int]
    scaled: bool


def pair_lines(first: Page, other: Page) -> LinePairs:
    """Pair as many lines as can be told to be the same.

    An id says little when another program drew the lines: where the line of that id lies elsewhere, the place decides.
    """
    factors = _factors(first, other)
    shared = _shared(first, other, factors or (1.0, 1.0))
    found = {
        here: there
        for here, there in _same_ids(first.lines, other.lines)
        # without a common scale nobody knows where a line lies, and its id is all there is
        if factors is None or not _lies_elsewhere(shared, here, there)
    }
    by_id = frozenset(found)
    taken = set(found.values())
    likely = [tuple(map(int, place)) for place in np.argwhere(np.nan_to_num(shared) > _SAME_BOX)]
    for here, there in sorted(likely, key=lambda place: -shared[place]):
        if here not in found and there not in taken:
            found[here] = there
            taken.add(there)
    partners = {here: other.lines[there] for here, there in found.items()}
    return LinePairs(partners, frozenset(found) - by_id, factors not in (None, (1.0, 1.0)))


def _same_ids(first: Sequence[PageLine], other: Sequence[PageLine]) -> Iterator[tuple[int, int]]:
    """Places of lines with one id; an id that stands as often in both is told apart by its order."""
    counts = [Counter(line.id for line in lines) for lines in (first, other)]
    numbered = [list(_numbered(lines)) for lines in (first, other)]
    places = {key: place for place, key in enumerate(numbered[1])}
    for here, key in enumerate(numbered[0]):
        if key[0] and counts[0][key[0]] == counts[1][key[0]]:
            yield here, places[key]


def _numbered(lines: Sequence[PageLine]) -> Iterator[tuple[str, int]]:
    met: Counter[str] = Counter()
    for line in lines:
        met[line.id] += 1
        yield line.id, met[line.id]


def _lies_elsewhere(shared: NDArray[np.float64], here: int, there: int) -> bool:
    """Whether the two do not touch, or one of them fits another line clearly better."""
    mine = shared[here, there]
    best = max(np.nanmax(shared[here], initial=0), np.nanmax(shared[:, there], initial=0))
    return bool(mine == 0 or mine < best - _BETTER)


def _factors(first: Page, other: Page) -> tuple[float, float] | None:
    """From the other page's coordinates to the first's; None where a size is unknown, or of another picture."""
    if not (first.width and first.height and other.width and other.height):
        return None
    across, down = first.width / other.width, first.height / other.height
    return (across, down) if abs(across / down - 1) <= _ONE_SCALE else None


def _shared(first: Page, other: Page, factors: tuple[float, float]) -> NDArray[np.float64]:
    """(lines of the first, lines of the other): shared by joint area of the boxes; NaN where one has no shape."""
    outlines = [*_outlines(first, (1.0, 1.0)), *_outlines(other, factors)]
    heights = [float(np.ptp(outline[:, 1])) for outline in outlines]
    height = float(np.median(heights)) if heights else (first.height or 0) * _LINE_HEIGHT
    one, two = _boxes(first, (1.0, 1.0), height)[:, None], _boxes(other, factors, height)[None]
    # every box has a pixel: a line of one point is somewhere, too
    low, high = np.maximum(one[..., :2], two[..., :2]), np.minimum(one[..., 2:], two[..., 2:]) + 1
    both = np.prod(np.maximum(high - low, 0), axis=-1)
    areas = [np.prod(boxes[..., 2:] - boxes[..., :2] + 1, axis=-1) for boxes in (one, two)]
    return np.asarray(both / (areas[0] + areas[1] - both), np.float64)


def _outlines(page: Page, factors: tuple[float, float]) -> Iterator[_Boxes]:
    return (np.asarray(line.outline) * factors for line in page.lines if line.outline)


def _boxes(page: Page, factors: tuple[float, float], height: float) -> _Boxes:
    """(lines, 4): left, top, right, bottom of each outline, or of a band of `height` on the baseline; NaN if none."""
    boxes = np.full((len(page.lines), 4), np.nan)
    for box, line in zip(boxes, page.lines, strict=True):
        points = line.outline or line.baseline
        if points:
            scaled = np.asarray(points, np.float64) * factors
            box[:] = *scaled.min(0), *scaled.max(0)
            if not line.outline:
                box[1] -= height
    return boxes
