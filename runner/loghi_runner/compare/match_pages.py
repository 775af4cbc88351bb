"""Two recognitions of the same pages, as folders of PAGE XML or ALTO, line by line; with a transcription or without."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_contract.text import Normalization
from loghi_runner.compare.pair_lines import pair_lines
from loghi_runner.config.choices import TextEquivChoice
from loghi_runner.errors import DataError
from loghi_runner.evaluation.results import ReadLine
from loghi_runner.files import is_folder
from loghi_runner.pages.model import Page, PageLine
from loghi_runner.pages.read import PageError, read_page
from loghi_runner.pages.texts import LineText, TextOptions, choose_text
from loghi_runner.wording import plural, told_apart

#: Folders in which exports keep their XML.
_XML_FOLDERS = (".", "page", "alto")

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
    by_place: int = 0
    scaled: int = 0

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
