"""Pages as a model reads them: each line's image beside its text, and the lines it is least certain of marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_runner.files import write_atomically
from loghi_runner.report.html import LinePicture, line_picture, make_environment
from loghi_runner.report.words import is_right_to_left

#: One line in so many is marked: the least certain ones, however sure the model is as a whole.
_ONE_IN = 10
#: So many of them are listed at the top.
_LISTED = 20


@dataclass(frozen=True)
class ReadImage:
    """A line image with what was read in it, and how sure the model is, 0 to 1."""

    name: str
    page: str
    image: Path
    text: str
    confidence: float


@dataclass(frozen=True)
class _Shown:
    anchor: str
    line: ReadImage
    picture: LinePicture | None
    is_unsure: bool

    @property
    def direction(self) -> str:
        return "rtl" if is_right_to_left(self.line.text) else "ltr"


@dataclass(frozen=True)
class _Page:
    anchor: str
    name: str
    lines: tuple[_Shown, ...]

    @property
    def confidence(self) -> float:
        return sum(shown.line.confidence for shown in self.lines) / len(self.lines)


def write_side_by_side(path: Path, title: str, lines: Sequence[ReadImage], notes: Sequence[str] = ()) -> None:
    """Write one HTML file that needs no other. Raises OSError."""
    pages = _pages(lines)
    unsure = sorted(
        (shown for page in pages for shown in page.lines if shown.is_unsure), key=lambda shown: shown.line.confidence
    )
    html = (
        make_environment()
        .get_template("recognized.html")
        .render(title=title, pages=pages, unsure=unsure[:_LISTED], marked=len(unsure), lines=len(lines), notes=notes)
    )
    write_atomically(path, html)


def _pages(lines: Sequence[ReadImage]) -> list[_Page]:
    by_confidence = sorted(range(len(lines)), key=lambda number: lines[number].confidence)
    unsure = set(by_confidence[: len(lines) // _ONE_IN])
    found: dict[str, list[_Shown]] = {}
    for number, line in enumerate(lines):
        shown = _Shown(f"line-{number}", line, line_picture(line.image), number in unsure)
        found.setdefault(line.page, []).append(shown)
    return [_Page(f"page-{number}", name, tuple(shown)) for number, (name, shown) in enumerate(found.items())]
