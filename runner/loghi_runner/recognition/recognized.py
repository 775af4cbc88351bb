"""What a recognition gives, whatever it was given: pages, a list of line images, or a folder of them; as it reads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.files import read_plain
from loghi_contract.places import BY_IMAGE_FILE
from loghi_contract.records import RecordError, parse_json
from loghi_runner.aliases import Row
from loghi_runner.evaluation.counts import Piece, align
from loghi_runner.files import write_atomically
from loghi_runner.findings import Finding
from loghi_runner.pages.write import Reading
from loghi_runner.report.html import LinePicture, line_picture, render
from loghi_runner.report.words import is_right_to_left
from loghi_runner.wording import plural, short_path

#: `kind` of the record, which tells whose folder it is.
KIND = "recognized"
RECORD_FILE = "recognized.json"
RESULTS_FILE = "results.txt"
TEXT_FILE = "text.txt"
HTML_FILE = "recognized.html"

#: So many failures are named; the record names all.
_NAMED = 8
#: One line in so many is marked on the page: the least certain ones, however sure the model is as a whole.
_ONE_IN = 10
#: So many of them are listed at its top.
_LISTED = 20


@dataclass(frozen=True)
class RecognizedLine:
    """One line; `place` is its place in its page, `image` is there while the command runs."""

    name: str
    page: str
    place: int
    image: Path
    reading: Reading


@dataclass(frozen=True)
class Recognized:
    """Files that were written, by page or by kind; what could not be read or written, and why.

    `seconds` is the reading alone; `about_lm` tells of the language model beside the model, where there is one.
    """

    files: dict[str, Path]
    lines: tuple[RecognizedLine, ...]
    seconds: float
    unread: dict[str, str]
    unwritten: dict[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    about_lm: str | None = None

    @property
    def changed(self) -> tuple[RecognizedLine, ...]:
        """Lines that the language model reads otherwise than the image alone."""
        return tuple(line for line in self.lines if line.reading.other is not None)

    @property
    def failed(self) -> dict[str, str]:
        return self.unread | self.unwritten

    def by_page(self) -> dict[str, list[RecognizedLine]]:
        pages: dict[str, list[RecognizedLine]] = {}
        for line in self.lines:
            pages.setdefault(line.page, []).append(line)
        return pages


def format_results(rows: Iterable[tuple[str, Reading]]) -> str:
    """Loghi's results file. Source: Loghi HTR 2.x, result writer."""
    return "".join(f"{name}\t{reading.confidence:.6f}\t{reading.text}\n" for name, reading in rows)


def write_results_files(out: Path, rows: Sequence[tuple[str, Reading]]) -> None:
    """Loghi's results file; where a language model helped, another of what the image alone says. Raises OSError."""
    write_atomically(out / RESULTS_FILE, format_results(rows))
    by_image = [(name, reading.by_image) for name, reading in rows if reading.by_image is not None]
    if by_image:
        write_atomically(out / BY_IMAGE_FILE.name, format_results(by_image))
    else:
        (out / BY_IMAGE_FILE.name).unlink(missing_ok=True)


def recognized_rows(recognized: Recognized, source: Path, out: Path, *, html: bool = False) -> list[Row]:
    """Label and text, the most important first."""
    count = len(recognized.lines)
    results = recognized.files.get("results")
    speed = f", {count / recognized.seconds:.0f} a second" if recognized.seconds > 0 else ""
    if results is not None and results.name == RESULTS_FILE:
        rows = [("lines", f"{plural(count, 'line')} read{speed}"), ("results", short_path(results))]
        after = f"loghi-runner evaluate MODEL {short_path(source)}"
    else:
        pages = plural(len(recognized.files), "page")
        rows = [("pages", f"{pages}, {plural(count, 'line')} read{speed}"), ("output", short_path(out))]
        after = f"loghi-runner compare {short_path(out)} OTHER_FOLDER [--truth {short_path(source)}]"
    if recognized.about_lm is not None:
        rows.append(("language model", recognized.about_lm))
    if recognized.changed:
        both = f"; {BY_IMAGE_FILE.name} has what the image alone says" if results is not None else ""
        told = f"{plural(len(recognized.changed), 'line')} read otherwise than by the image alone{both}"
        rows.append(("", told))
    if html:
        rows.append(("to look at", short_path(out / HTML_FILE)))
    failed = list(recognized.failed.items())
    rows += [("not read", f"{name}: {why}") for name, why in failed[:_NAMED]]
    if len(failed) > _NAMED:
        rows.append(("not read", f"{len(failed) - _NAMED} more, all in {short_path(out / RECORD_FILE)}"))
    return [*rows, ("next", after)] if count else rows


def recognized_json(recognized: Recognized) -> dict[str, Any]:
    """What `recognize --json` says."""
    return {
        "kind": KIND,
        "files": {name: str(path) for name, path in recognized.files.items()},
        "lines": len(recognized.lines),
        "seconds": recognized.seconds,
        "language_model": recognized.about_lm,
        "changed_by_language_model": len(recognized.changed),
        "failed": recognized.failed,
    }


def was_guided(folder: Path) -> bool:
    """Whether a language model helped to read what lies in this folder, as its record says."""
    try:
        record = parse_json(read_plain(folder / RECORD_FILE))
    except (OSError, RecordError):
        return False
    return isinstance(record, dict) and record.get("language_model_sha256") is not None


@dataclass(frozen=True)
class _Shown:
    anchor: str
    line: RecognizedLine
    picture: LinePicture | None
    is_unsure: bool

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """What was read, against what the image alone says; none where both are the same."""
        reading = self.line.reading
        return tuple(align(reading.other.text, reading.text)) if reading.other is not None else ()

    @property
    def direction(self) -> str:
        return "rtl" if is_right_to_left(self.line.reading.text) else "ltr"


@dataclass(frozen=True)
class _Page:
    anchor: str
    name: str
    lines: tuple[_Shown, ...]

    @property
    def confidence(self) -> float:
        return sum(shown.line.reading.confidence for shown in self.lines) / len(self.lines)


def write_side_by_side(recognized: Recognized, title: str, out: Path) -> None:
    """Write each line's image beside its text into one HTML file that needs no other. Raises OSError."""
    pages = _pages(recognized.lines)
    notes = [f"{name} was not read: {why}." for name, why in recognized.failed.items()]
    unsure = sorted(
        (shown for page in pages for shown in page.lines if shown.is_unsure),
        key=lambda shown: shown.line.reading.confidence,
    )
    facts: dict[str, Any] = {"count": len(recognized.lines), "marked": len(unsure), "unsure": unsure[:_LISTED]}
    facts |= {"changed": len(recognized.changed), "about_lm": recognized.about_lm}
    write_atomically(out / HTML_FILE, render("recognized.html", title=title, pages=pages, notes=notes, **facts))


def _pages(lines: Sequence[RecognizedLine]) -> list[_Page]:
    by_confidence = sorted(range(len(lines)), key=lambda number: lines[number].reading.confidence)
    unsure = set(by_confidence[: len(lines) // _ONE_IN])
    found: dict[str, list[_Shown]] = {}
    for number, line in enumerate(lines):
        shown = _Shown(f"line-{number}", line, line_picture(line.image), number in unsure)
        found.setdefault(line.page, []).append(shown)
    return [_Page(f"page-{number}", name, tuple(shown)) for number, (name, shown) in enumerate(found.items())]
