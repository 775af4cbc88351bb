"""What a recognition gives, whatever it was given: pages, a list of line images, or a folder of them."""

from dataclasses import dataclass, field
from pathlib import Path

from loghi_runner.findings import Finding
from loghi_runner.pages.write import Reading


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

    `seconds` is the reading alone.
    """

    files: dict[str, Path]
    lines: tuple[RecognizedLine, ...]
    seconds: float
    unread: dict[str, str]
    unwritten: dict[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def failed(self) -> dict[str, str]:
        return self.unread | self.unwritten

    def by_page(self) -> dict[str, list[RecognizedLine]]:
        pages: dict[str, list[RecognizedLine]] = {}
        for line in self.lines:
            pages.setdefault(line.page, []).append(line)
        return pages
