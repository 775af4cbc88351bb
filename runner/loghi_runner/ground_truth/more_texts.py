"""Texts for the language model beside those of the training lines: read, and compared with the lines that judge.

A language model that has learnt what it is judged by would write it from memory.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_contract.files import read_plain
from loghi_contract.job import Split
from loghi_runner.files import is_file, is_folder
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.line_pages import page_names
from loghi_runner.pages.find import IMAGE_SUFFIXES
from loghi_runner.pages.read import read_page
from loghi_runner.pages.texts import LineText, TextOptions, choose_text
from loghi_runner.pages.xml import PageError
from loghi_runner.wording import SPLIT_WORDS, percent, plural

KEY = "text.more"

#: Letters and digits in a row. A page of which so large a share of them stands in other texts is among these texts: of
#: six pages of court minutes, full of formulae, 9 to 72 % stood in the twelve others.
_IN_A_ROW = 30
_SAME = 0.85
#: What stands before the text in a line list: the image, and a weight perhaps. It is no text of anybody's.
_LIST_ENTRY = re.compile(rf"^[^\t]*(?:{'|'.join(map(re.escape, IMAGE_SUFFIXES))})\t(?:[\d.]+\t)?", re.IGNORECASE)


@dataclass(frozen=True)
class MoreTexts:
    """One text a line, without the blanks around it; with an error among the findings they are of no use."""

    texts: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def read_more_texts(
    sources: Sequence[Path], options: TextOptions, splits: Mapping[Split, Sequence[GroundTruthLine]]
) -> MoreTexts:
    """Read text files and folders of PAGE XML or ALTO, in any depth.

    Args:
        options: how a line's text is taken from a page.
        splits: lines that the model is judged by are looked for in the texts.
    """
    texts: list[str] = []
    findings: list[Finding] = []
    files = 0
    for source in sources:
        for found in _texts_of(source, options):
            if isinstance(found, Finding):
                findings.append(found)
            else:
                files += 1
                texts += found
    if texts:
        message = f"the language model also learns {plural(len(texts), 'line')} of {plural(files, 'file')}"
        findings.append(Finding(Severity.INFO, "data.more_texts", message, KEY))
    elif not any(finding.severity is Severity.ERROR for finding in findings):
        findings.append(_error("data.more_texts_empty", "there is no text in what text.more names"))
    findings += _overlaps(texts, splits)
    return MoreTexts(tuple(texts), tuple(findings))


def _texts_of(source: Path, options: TextOptions) -> Iterator[list[str] | Finding]:
    """The texts of each file, or what is wrong with it."""
    if is_file(source):
        yield _read_xml(source, options) if source.suffix.lower() == ".xml" else _read_text(source)
    elif is_folder(source):
        shown = (path for path in source.rglob("*.[xX][mM][lL]") if not path.name.startswith("."))
        found = [path for path in sorted(shown) if is_file(path)]
        if not found:
            yield _error("data.more_texts_empty", f"there is no PAGE XML or ALTO in the folder {source}")
        for path in found:
            yield _read_xml(path, options)
    else:
        yield _error("data.more_texts_missing", f"there is no file or folder {source}")


def _read_text(path: Path) -> list[str] | Finding:
    try:
        content = read_plain(path).decode("utf-8-sig")
    except OSError as error:
        return _error("data.more_texts_unreadable", f"{path} cannot be read: {error.strerror or error}")
    except UnicodeDecodeError:
        hint = "Save it as plain text in UTF-8 (`iconv -f latin1 -t utf-8` for many older files)."
        return _error("data.more_texts_unreadable", f"{path} is not a text file in UTF-8", hint)
    if "\0" in content:
        return _error("data.more_texts_unreadable", f"{path} is not a text file")
    return list(_plain(_LIST_ENTRY.sub("", line) for line in content.splitlines()))


def _read_xml(path: Path, options: TextOptions) -> list[str] | Finding:
    """The lines' texts; what is no page is left out and told."""
    try:
        lines = read_page(path).lines
    except (PageError, OSError) as error:
        message = f"{path} is left out of the language model's texts: {error}"
        return Finding(Severity.WARNING, "data.more_texts_left_out", message, KEY)
    chosen = (choose_text(line, options) for line in lines)
    return list(_plain(text.text for text in chosen if isinstance(text, LineText)))


def _plain(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if plain := " ".join(text.split()):
            yield plain


def _overlaps(texts: Sequence[str], splits: Mapping[Split, Sequence[GroundTruthLine]]) -> Iterator[Finding]:
    """Pages that judge, and stand in the texts."""
    pages = {
        (split, page): _letters(found)
        for split in (Split.VAL, Split.TEST)
        for page, found in _by_page(splits.get(split, ())).items()
    }
    wanted = {run for letters in pages.values() for run in _runs(letters)}
    learnt = wanted.intersection(_runs(_letters(texts)))
    shares = {page: _share(letters, learnt) for page, letters in pages.items()}
    same = [page for page, share in shares.items() if share >= _SAME]
    if same:
        split, first = same[0]
        more = f"; so it is with {plural(len(same) - 1, 'more page')}" if len(same) > 1 else ""
        message = (
            f"the texts of text.more hold what the model is judged by: {percent(shares[same[0]])} of page "
            f"{Path(first).name} ({SPLIT_WORDS[split]} lines) stands in them{more}"
        )
        hint = "Leave these pages out of text.more, or let the model learn from them as training lines."
        yield _error("data.more_texts_judge", message, hint)


def _by_page(lines: Sequence[GroundTruthLine]) -> dict[str, list[str]]:
    pages = page_names([line.image for line in lines])
    found: dict[str, list[str]] = {}
    for line in lines:
        found.setdefault(pages[line.image], []).append(line.sample.text)
    return found


def _letters(texts: Iterable[str]) -> str:
    return "".join(character for text in texts for character in text.casefold() if character.isalnum())


def _runs(letters: str) -> Iterator[str]:
    return (letters[begin : begin + _IN_A_ROW] for begin in range(len(letters) - _IN_A_ROW + 1))


def _share(letters: str, learnt: set[str]) -> float:
    runs = list(_runs(letters))
    return sum(run in learnt for run in runs) / max(len(runs), 1)


def _error(code: str, message: str, hint: str | None = None) -> Finding:
    hint = hint or "text.more names text files, or folders of PAGE XML or ALTO; relative to the config's folder."
    return Finding(Severity.ERROR, code, message, KEY, hint)
