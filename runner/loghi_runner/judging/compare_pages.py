"""Two recognitions of the same pages, as folders of PAGE XML or ALTO, line by line; with a transcription or without."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loghi_contract.text import Normalization
from loghi_runner.config.values import TextEquivChoice
from loghi_runner.errors import DataError
from loghi_runner.files import is_folder
from loghi_runner.pages.model import Page, PageLine
from loghi_runner.pages.read import PageError, read_page
from loghi_runner.pages.texts import LineText, TextOptions, choose_text
from loghi_runner.scoring.comparison import ReadLine
from loghi_runner.wording import plural

#: Folders in which exports keep their XML.
_XML_FOLDERS = (".", "page", "alto")
#: Lines whose boxes share more than this are the same, where their ids differ.
_SAME_BOX = 0.5

_OPTIONS = TextOptions(TextEquivChoice.LOWEST, (), False, Normalization.NFC)


@dataclass(frozen=True)
class MatchedPages:
    """Lines that are in all folders; `reference` is "" without a transcription. `unmatched` counts the others."""

    lines: tuple[ReadLine, ...]
    pages: int
    unmatched_pages: tuple[str, ...]
    unmatched_lines: int
    failed: dict[str, str]

    def both_read(self, first: Path, second: Path) -> tuple[ReadLine, ...]:
        """All lines. Raises DataError: one side has no text at all, so that nothing differs or everything does."""
        for place, folder in enumerate((first, second)):
            if not any(line.readings[place] for line in self.lines):
                raise DataError(
                    "compare.no_text",
                    f"no line in {folder} has a text, so there is nothing to compare",
                    hint="Name the folder that `loghi-runner recognize` wrote, or another with texts.",
                )
        return self.lines

    def transcribed(self, truth: Path) -> list[ReadLine]:
        """The lines with a transcription. Raises DataError: there is none."""
        found = [line for line in self.lines if line.reference]
        if not found:
            raise DataError(
                "compare.no_transcription",
                f"no line that both recognitions have is transcribed in {truth}",
                hint="Leave out --truth to see where the two differ.",
            )
        return found


def match_pages(first: Path, second: Path, truth: Path | None) -> MatchedPages:
    """Pair pages by file name and lines by id, or else by place.

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
    unmatched = 0
    for name in names:
        found = list(_matched_lines(name, [folder[name] for folder in folders]))
        lines += found
        unmatched += max(len(folder[name].lines) for folder in folders) - len(found)
    if not lines:
        raise DataError(
            "compare.no_common_line",
            f"{first} and {second} have no line in common on {plural(len(names), 'page')}",
            hint="Lines are paired by their ids, or else by their place on the page. Are lines marked on the pages?",
        )
    lonely = sorted(set.union(*map(set, folders)) - set(names))
    return MatchedPages(tuple(lines), len(names), tuple(lonely), unmatched, failed)


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


def _matched_lines(name: str, pages: Sequence[Page]) -> Iterator[ReadLine]:
    """The lines of the first page that each other page has too."""
    partners = [_partners(pages[0], page) for page in pages[1:]]
    for number, line in enumerate(pages[0].lines):
        if all(number in found for found in partners):
            texts = [_text(line), *(_text(found[number]) for found in partners)]
            reference = texts[2] if len(texts) > 2 else ""
            yield ReadLine(f"{name} {line.id or f'line {line.number}'}", name, reference, (texts[0], texts[1]))


def _partners(first: Page, other: Page) -> dict[int, PageLine]:
    """The other page's line for each line of the first, by place in it: all by id first, what is left by place."""
    by_id = {line.id: line for line in other.lines if line.id}
    found = {number: by_id.pop(line.id) for number, line in enumerate(first.lines) if line.id in by_id}
    taken = set(map(id, found.values()))
    left = [line for line in other.lines if id(line) not in taken]
    for number, line in enumerate(first.lines):
        if number not in found and left:
            best, place = max((_overlap(line, candidate), place) for place, candidate in enumerate(left))
            if best > _SAME_BOX:
                found[number] = left.pop(place)
    return found


def _overlap(first: PageLine, second: PageLine) -> float:
    """Shared area by joint area of the lines' boxes; 0 where one has no shape."""
    one, other = first.outline or first.baseline, second.outline or second.baseline
    if not one or not other:
        return 0.0
    a, b = np.asarray(one), np.asarray(other)
    low, high = np.maximum(a.min(0), b.min(0)), np.minimum(a.max(0), b.max(0))
    # a baseline has no height: give every box a pixel
    shared = float(np.prod(np.maximum(high - low + 1, 0)))
    both = float(np.prod(np.ptp(a, axis=0) + 1) + np.prod(np.ptp(b, axis=0) + 1))
    return shared / (both - shared)


def _text(line: PageLine) -> str:
    chosen = choose_text(line, _OPTIONS)
    return chosen.text if isinstance(chosen, LineText) else ""
