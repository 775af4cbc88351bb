"""Makes the files of the sample: pages, PAGE XML, line images, line lists, font licences."""

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from sample_maker import words
from sample_maker.cut import GreyImage, cut_line
from sample_maker.errors import TextError
from sample_maker.fonts import FetchedFont, missing_characters
from sample_maker.hands import BASE_HAND, NEW_HAND, Hand
from sample_maker.page_xml import page_xml
from sample_maker.pages import PageSize, WrittenPage, write_page
from sample_maker.paper import draw_wear, scan
from sample_maker.seeds import generator_for
from sample_maker.texts import Language, Paragraph, letter_pages, office_page

JPEG_QUALITY = 68

_NEW_HAND_PAGES: tuple[tuple[Language, str], ...] = (
    (Language.NORWEGIAN, "train"),
    (Language.ENGLISH, "train"),
    (Language.NORWEGIAN, "train"),
    (Language.ENGLISH, "train"),
    (Language.NORWEGIAN, "train"),
    (Language.ENGLISH, "train"),
    (Language.NORWEGIAN, "val"),
    (Language.NORWEGIAN, "test"),
    (Language.ENGLISH, "test"),
)

_BASE_HAND_PAGES = (Language.NORWEGIAN, Language.ENGLISH, Language.NORWEGIAN)

_BASE_VAL_EVERY = 20

_CUT_RECORD = {"made_from": "examples/make_sample.py", "lines": [], "not_cut": [], "cut": "polygon"}
"""loghi-runner's page.json: how other lines are to be cut for a model that learnt from these; it wrote none of them."""


@dataclass(frozen=True)
class ScannedPage:
    """A finished page: its JPEG file and what is written on it."""

    stem: str
    jpeg: bytes
    written: WrittenPage

    def grey(self) -> GreyImage:
        """Return the page as a reader of the file sees it, in grey."""
        return np.asarray(Image.open(io.BytesIO(self.jpeg)).convert("L"), dtype=np.uint8)


class SampleMaker:
    """Writes into one output folder with fonts that were fetched before."""

    def __init__(self, output: Path, fonts: Iterable[FetchedFont], size: PageSize | None = None) -> None:
        self._output = output
        self._size = size or PageSize()
        self._fonts = {fetched.source: fetched for fetched in fonts}

    def check_fonts(self) -> None:
        """Raise `TextError` if a font lacks a character that its hand may write."""
        for hand, characters in ((BASE_HAND, ""), (NEW_HAND, words.NEW_CHARACTERS)):
            for source in hand.fonts:
                missing = missing_characters(self._fonts[source].font, words.BASE_CHARACTERS + characters)
                if missing:
                    raise TextError(f"{source.name} has no {missing}", "Choose a font that has these characters.")

    def make_sample(self) -> None:
        """Write everything that is shipped."""
        lists: dict[str, list[str]] = {"train": [], "val": [], "test": [], "base_test": []}
        table = ["page\thand\tlanguage\tsplit\tlines"]
        for stem, paragraphs, language, split, hand in _shipped_pages():
            page = self.scan_page(stem, paragraphs, language, hand)
            self._write_page(page, hand)
            lists[split] += self.write_lines(page, self._output)
            table.append(f"{stem}\t{hand.folder}\t{language.value}\t{split}\t{len(page.written.lines)}")
        for name, rows in lists.items():
            _write_text(self._output / f"{name}.txt", rows)
        _write_text(self._output / "pages.tsv", table)
        self._write_licences()

    def make_base_lines(self, count: int) -> None:
        """Write `count` line images of the base hand and their lists below `base/`."""
        folder = self._output / "base"
        lists: dict[str, list[str]] = {"train": [], "val": []}
        number = 0
        while sum(map(len, lists.values())) < count:
            number += 1
            language = (Language.NORWEGIAN, Language.ENGLISH)[number // len(BASE_HAND.fonts) % 2]
            stem = f"base-{number:04d}"
            page = self.scan_page(stem, office_page(language, generator_for(stem, "text")), language, BASE_HAND, number)
            split = "val" if number % _BASE_VAL_EVERY == 0 else "train"
            left = count - sum(map(len, lists.values()))
            lists[split] += self.write_lines(page, folder, left)
        for name, rows in lists.items():
            _write_text(folder / f"{name}.txt", rows)

    def scan_page(
        self, stem: str, paragraphs: list[Paragraph], language: Language, hand: Hand, number: int | None = None
    ) -> ScannedPage:
        """Return the page written by `hand` and scanned; everything random follows from `stem`.

        Args:
            number: chooses the font; by default the digits at the end of `stem`.
        """
        random = generator_for(stem, "page")
        source = hand.font_of_page(number or int(stem.rsplit("-", 1)[1]))
        font, pen = self._fonts[source].font, hand.draw_pen(source, random)
        line_limit = self._size.line_limit(int(random.integers(22, 27)))
        written = write_page(paragraphs, language, font, pen, self._size, line_limit, random)
        _check_characters(written, words.BASE_CHARACTERS + (words.NEW_CHARACTERS if hand is NEW_HAND else ""))
        behind = np.roll(written.ink, int(random.integers(-45, 45)), axis=0)
        rules_px = [max(y for _, y in line.baseline) + 2 for line in written.lines]
        image = scan(written.ink, behind, rules_px, draw_wear(random), random)
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=JPEG_QUALITY, optimize=True)
        return ScannedPage(stem, file.getvalue(), written)

    def write_lines(self, page: ScannedPage, folder: Path, limit: int | None = None) -> list[str]:
        """Write the page's line images, the first `limit`, below `folder`; return their rows of a line list.

        A record beside them says that they are cut by their outlines.
        """
        grey = page.grey()
        lines = Path("lines", page.stem)
        (folder / lines).mkdir(parents=True, exist_ok=True)
        (folder / lines / "page.json").write_text(json.dumps(_CUT_RECORD, indent=1) + "\n", encoding="utf-8")
        rows = []
        for line in page.written.lines[:limit]:
            path = lines / f"{page.stem}-{line.line_id}.png"
            Image.fromarray(cut_line(grey, line.polygon)).save(folder / path, optimize=True)
            rows.append(f"{path.as_posix()}\t{line.text}")
        return rows

    def _write_page(self, page: ScannedPage, hand: Hand) -> None:
        folder = self._output / "pages" / hand.folder
        (folder / "page").mkdir(parents=True, exist_ok=True)
        image = folder / f"{page.stem}.jpg"
        image.write_bytes(page.jpeg)
        (folder / "page" / f"{page.stem}.xml").write_bytes(page_xml(page.written, image.name, self._size))

    def _write_licences(self) -> None:
        folder = self._output / "fonts"
        folder.mkdir(parents=True, exist_ok=True)
        table = ["hand\tfont\tauthor\tlicence\tnpm package\tversion\tlicence text"]
        for hand in (BASE_HAND, NEW_HAND):
            for source in hand.fonts:
                name = f"{source.package.rsplit('/', 1)[1]}-LICENSE.txt"
                _write_text(folder / name, self._fonts[source].licence_text.splitlines())
                table.append(
                    f"{hand.folder}\t{source.name}\t{source.author}\t{source.licence}\t{source.package}\t{source.version}\t{name}"
                )
        _write_text(folder / "FONTS.tsv", table)


def _shipped_pages() -> Iterable[tuple[str, list[Paragraph], Language, str, Hand]]:
    letters = {
        language: letter_pages(
            language,
            sum(language is page_language for page_language, _ in _NEW_HAND_PAGES),
            generator_for("letters", language.value),
        )
        for language in Language
    }
    for number, (language, split) in enumerate(_NEW_HAND_PAGES, start=1):
        yield f"{NEW_HAND.slug}-{number:02d}", letters[language].pop(0), language, split, NEW_HAND
    for number, language in enumerate(_BASE_HAND_PAGES, start=1):
        stem = f"{BASE_HAND.slug}-{number:02d}"
        yield stem, office_page(language, generator_for(stem, "text")), language, "base_test", BASE_HAND


def _check_characters(page: WrittenPage, characters: str) -> None:
    unknown = {character for line in page.lines for character in line.text} - set(characters)
    if unknown:
        raise TextError(
            f"a text holds characters that its hand does not write: {' '.join(sorted(unknown))}",
            "Change the sentence, or add the characters in words.py.",
        )


def _write_text(path: Path, rows: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8", newline="\n")
