"""Two recognitions of the same pages, as folders of PAGE XML or ALTO, line by line; with a transcription or without.

Lines are paired by id where the place agrees, all others by place.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loghi_contract.text import Normalization
from loghi_runner.config.choices import TextEquivChoice
from loghi_runner.errors import DataError
from loghi_runner.evaluation.results import ReadLine
from loghi_runner.files import is_folder
from loghi_runner.pages.model import Page, PageLine
from loghi_runner.pages.read import read_page
from loghi_runner.pages.texts import LineText, TextOptions, choose_text
from loghi_runner.pages.xml import PageError
from loghi_runner.wording import plural, told_apart

#: Folders in which exports keep their XML.
_XML_FOLDERS = (".", "page", "alto")

#: Lines whose boxes share more than this, by their joint area, are the same.
_SAME_BOX = 0.5
#: Another line fits clearly better when it shares so much more.
_BETTER = 0.2
#: Both directions' factors may differ by so much and still be one scale. Source: `prepare.survey`.
_ONE_SCALE = 0.01
#: A baseline without an outline stands for a line of this height, as a share of the page's, if no line has an outline.
_LINE_HEIGHT = 1 / 40

_Boxes = NDArray[np.float64]

_OPTIONS = TextOptions(TextEquivChoice.LOWEST, (), False, Normalization.NFC)


@dataclass(frozen=True)
class MatchedPages:
    """Lines that are in all folders; `reference` is "" without a transcription. `unmatched` counts the others.

    `by_place` counts lines that not all folders know by one id, `scaled` pages whose images differ in size.
    """

    lines: tuple[ReadLine, ...]
    pages: int
    unmatched_pages: tuple[str, ...]
    unmatched_lines: int
    failed: dict[str, str]
    by_place: int
    scaled: int

    def require_texts(self, first: Path, second: Path) -> None:
        """Raise DataError where one side has no text at all, so that nothing differs or everything does."""
        for place, folder in enumerate((first, second)):
            if not any(line.readings[place] for line in self.lines):
                raise DataError(
                    "compare.no_text",
                    f"no line in {folder} has a text, so there is nothing to compare",
                    hint="Name the folder that `loghi-runner recognize` wrote, or another with texts.",
                )

    def transcribed(self, truth: Path) -> tuple[ReadLine, ...]:
        """The lines with a transcription. Raises DataError: there is none."""
        found = tuple(line for line in self.lines if line.reference)
        if not found:
            raise DataError(
                "compare.no_transcription",
                f"no line that both recognitions have is transcribed in {truth}",
                hint="Leave out --truth to see where the two differ.",
            )
        return found

    def remarks(self, truth: Path | None) -> list[str]:
        """What was left out of the comparison, one sentence each."""
        told = [f"{path} is left out: {why}" for path, why in self.failed.items()]
        if self.unmatched_pages:
            lonely = plural(len(self.unmatched_pages), "page")
            told.append(f"{lonely} not in all folders, such as {self.unmatched_pages[0]}")
        if self.unmatched_lines:
            told.append(f"{plural(self.unmatched_lines, 'line')} without a partner")
        if self.by_place:
            told.append(
                f"{self.by_place} of {plural(len(self.lines), 'line')} are paired by where they lie: "
                "their ids differ or repeat, or the line of that id lies elsewhere"
            )
        if self.scaled:
            told.append(f"the coordinates of {plural(self.scaled, 'page')} are for images of another size; scaled")
        silent = sum(not line.reference for line in self.lines)
        if truth is not None and silent:
            told.append(f"{plural(silent, 'line')} without a transcription left out")
        return told


def match_pages(first: Path, second: Path, truth: Path | None) -> MatchedPages:
    """Pair pages by file name and lines as `pair_lines` does.

    Raises:
        DataError: a folder has no pages, or the folders have no page or no line in common.
    """
    failed: dict[str, str] = {}
    folders = [_read_folder(folder, failed) for folder in (first, second, *([truth] if truth else []))]
    names = sorted(set.intersection(*map(set, folders)))
    if not names:
        raise DataError(
            "compare.no_common_page",
            f"{first} and {second} have no page of the same file name",
            hint="The XML files of both recognitions are paired by their names.",
        )
    lines: list[ReadLine] = []
    unmatched = by_place = scaled = 0
    for name in names:
        pages = [folder[name] for folder in folders]
        pairs = [pair_lines(pages[0], page) for page in pages[1:]]
        common = [number for number in range(len(pages[0].lines)) if all(number in each.partners for each in pairs)]
        rows = [[pages[0].lines[number], *(each.partners[number] for each in pairs)] for number in common]
        lines += _read_lines(name, rows)
        unmatched += max(len(page.lines) for page in pages) - len(common)
        by_place += sum(any(number in each.by_place for each in pairs) for number in common)
        scaled += any(each.scaled for each in pairs)
    if not lines:
        raise DataError(
            "compare.no_common_line",
            f"{first} and {second} have no line in common on {plural(len(names), 'page')}",
            hint="Lines are paired by their ids and their place on the page. Are lines marked on the pages?",
        )
    lonely = sorted(set.union(*map(set, folders)) - set(names))
    return MatchedPages(tuple(lines), len(names), tuple(lonely), unmatched, failed, by_place, scaled)


def _read_folder(folder: Path, failed: dict[str, str]) -> dict[str, Page]:
    if not is_folder(folder):
        hint = "Name two folders of PAGE XML or ALTO."
        raise DataError("compare.no_folder", f"there is no folder {folder}", hint=hint)
    pages: dict[str, Page] = {}
    for name in _XML_FOLDERS:
        try:
            found = sorted(path for path in (folder / name).iterdir() if path.suffix.lower() == ".xml")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            failed[str(folder / name)] = error.strerror or str(error)
            continue
        for path in found:
            try:
                pages.setdefault(path.stem, read_page(path))
            except PageError as error:
                failed[str(path)] = error.message
    if not pages:
        broken = next((f": {path}: {why}" for path, why in failed.items() if Path(path).is_relative_to(folder)), "")
        raise DataError(
            "compare.no_pages",
            f"there is no PAGE XML or ALTO in {folder}{broken}",
            hint="The XML files lie in the folder itself, or in page/ or alto/ in it.",
        )
    return pages


def _read_lines(name: str, rows: Sequence[Sequence[PageLine]]) -> list[ReadLine]:
    """One line a row: it in the first folder, in the second, and its transcription where there is one."""
    ids = told_apart([f"{name} {row[0].id or f'line {row[0].number}'}" for row in rows])
    texts = [[*map(_text, row), ""][:3] for row in rows]
    return [ReadLine(line_id, name, text[2], (text[0], text[1])) for line_id, text in zip(ids, texts, strict=True)]


def _text(line: PageLine) -> str:
    chosen = choose_text(line, _OPTIONS)
    return chosen.text if isinstance(chosen, LineText) else ""


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
