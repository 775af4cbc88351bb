"""What a folder of transcribed pages holds, before anything is cut: usable lines, and what is left out and why."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_contract.lines import SKIP_SENTENCES, SkippedLine, SkipReason
from loghi_runner.cutting.cut import LineShape, estimated_size
from loghi_runner.cutting.image import PageImageError, page_image_size
from loghi_runner.files import file_sha256
from loghi_runner.findings import Finding, Severity
from loghi_runner.pages.find import PageFile, find_pages
from loghi_runner.pages.model import Page, PageLine, Point
from loghi_runner.pages.read import PageError, read_page
from loghi_runner.pages.texts import LineText, TextOptions, choose_text
from loghi_runner.wording import plural

_MAX_ID = 80

#: An XML's image size may differ from the real one by so much and still be the same (rounding).
_SAME = 0.002
#: The two directions' factors may differ by so much and still be one scale.
_ONE_SCALE = 0.01


@dataclass(frozen=True)
class SurveyedLine:
    """A line to be cut; `id` is unique in its page and safe in a file name, the sizes are estimates."""

    id: str
    index: int
    text: str
    where: str
    width_px: int
    height_px: int


@dataclass(frozen=True)
class SurveyedPage:
    """A page that can be used. `shapes` are all its lines', in the image's pixels; `lines` those worth cutting.

    `sha256` is that of the image's bytes followed by the XML's.
    """

    file: PageFile
    page: Page
    shapes: tuple[LineShape, ...]
    lines: tuple[SurveyedLine, ...]
    skipped: tuple[SkippedLine, ...]
    sha256: str

    def image_name(self, line_id: str) -> str:
        """The line image's file name, as Loghi's merge tool wants it."""
        return f"{self.file.name}-{line_id}.png"


@dataclass(frozen=True)
class Survey:
    pages: tuple[SurveyedPage, ...]
    findings: tuple[Finding, ...]


def survey_pages(
    folders: Sequence[Path],
    text: TextOptions,
    cut: Cut,
    base: Path,
    on_page: Callable[[int, int], None],
    *,
    every_line: bool = False,
) -> Survey:
    """Read all pages below the folders; a page that cannot be used is a finding, the others go on.

    Args:
        every_line: take lines without a text, too: they are to be read, not learnt from.
        base: findings name files relative to it where they lie below it.
        on_page: told how many pages are read, and of how many.
    """
    found = [find_pages(folder) for folder in folders]
    findings = [finding for each in found for finding in each.findings]
    files, repeated = _one_of_each_name([file for each in found for file in each.pages])
    findings += repeated
    tally = _Tally()
    pages: list[SurveyedPage] = []
    for number, file in enumerate(files, start=1):
        surveyed = _survey(file, text, cut, base, tally, every_line=every_line)
        if isinstance(surveyed, Finding):
            findings.append(surveyed)
        else:
            pages.append(surveyed)
        on_page(number, len(files))
    findings += tally.findings(sum(len(page.lines) + len(page.skipped) for page in pages))
    unmarked = [page.file.name for page in pages if not page.lines and not page.skipped]
    if files and not any(page.lines for page in pages):
        use, needs = ("read", "") if every_line else ("learnt from", "a text, and ")
        message = f"there is no line that can be {use} in {plural(len(files), 'page')}"
        hint = f"A line needs {needs}a baseline or an outline."
        findings.append(Finding(Severity.ERROR, "data.no_lines", message, "data.pages", hint))
    elif unmarked:
        message = f"pages left out, no line is marked on them: {len(unmarked)}; the first is {unmarked[0]!r}"
        findings.append(Finding(Severity.WARNING, "data.page_without_lines", message, "data.pages"))
    return Survey(tuple(pages), tuple(findings))


@dataclass
class _Tally:
    """What was met while reading, for findings that count."""

    several: list[str] = field(default_factory=list)
    normalized: list[str] = field(default_factory=list)
    trimmed: list[str] = field(default_factory=list)
    scaled: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    first_skipped: dict[SkipReason, SkippedLine] = field(default_factory=dict)

    def skip(self, line: SkippedLine) -> None:
        self.skipped[line.reason] += 1
        self.first_skipped.setdefault(line.reason, line)

    def findings(self, total: int) -> Iterator[Finding]:
        for reason, count in self.skipped.most_common():
            first = self.first_skipped[reason]
            detail = f" ({first.detail})" if first.detail else ""
            message = (
                f"{count} of {plural(total, 'line')} {'is' if count == 1 else 'are'} left out: "
                f"{SKIP_SENTENCES[reason]}{detail}"
            )
            yield Finding(Severity.WARNING, f"data.{reason.value}", message, first.where)
        for code, wheres, words, hint in (
            (
                "data.several_texts",
                self.several,
                "several texts, and the one with the lowest index is not the last",
                "data.text_equiv chooses: lowest (the default) or last (as Loghi does).",
            ),
            ("data.normalized", self.normalized, "accents that were written in another Unicode form", None),
            (
                "data.trimmed",
                self.trimmed,
                "blanks around the text, or a TAB or line break inside; these are taken out, or made a blank",
                None,
            ),
        ):
            if wheres:
                verb = "has" if len(wheres) == 1 else "have"
                message = f"{plural(len(wheres), 'line')} {verb} {words}"
                yield Finding(Severity.INFO, code, message, wheres[0], hint)
        if self.scaled:
            message = (
                f"the coordinates of {plural(len(self.scaled), 'page')} are for an image of another size; "
                f"they were scaled: {self.scaled[0]}"
            )
            yield Finding(Severity.INFO, "data.scaled", message)
        if self.notes:
            message = self.notes[0] + (f" (and {len(self.notes) - 1} more oddities like it)" if self.notes[1:] else "")
            yield Finding(Severity.INFO, "data.oddities", message)


def _one_of_each_name(files: Sequence[PageFile]) -> tuple[list[PageFile], list[Finding]]:
    """Pages of several folders may have one name; only the first of them can keep it."""
    by_name: dict[str, PageFile] = {}
    findings = []
    for file in files:
        first = by_name.setdefault(file.name, file)
        if first is not file:
            message = f"two pages are called {file.name}: {first.image} and {file.image}; the second is left out"
            findings.append(Finding(Severity.WARNING, "data.same_page_name", message, "data.pages", "Rename one."))
    return list(by_name.values()), findings


def _survey(
    file: PageFile, options: TextOptions, cut: Cut, base: Path, tally: _Tally, *, every_line: bool
) -> SurveyedPage | Finding:
    name = str(file.xml.relative_to(base)) if file.xml.is_relative_to(base) else str(file.xml)
    try:
        page = read_page(file.xml)
        size = page_image_size(file.image)
        sha256 = file_sha256(file.image, file.xml)
    except PageError as error:
        where = name if error.line is None else f"{name}:{error.line}"
        return _failed(f"{name} is left out: {error.message}", where)
    except PageImageError as error:
        return _failed(f"the page image {file.image.name} is left out: {error}", str(file.image))
    except OSError as error:
        return _failed(f"{name} is left out: {error.strerror or error}", str(error.filename or file.xml))
    factors = _scale(page, size)
    if factors is None:
        message = (
            f"{name} is left out: it is for an image of {page.width} x {page.height} pixels, "
            f"but {file.image.name} has {size[0]} x {size[1]}"
        )
        return _failed(message, name)
    if factors != (1.0, 1.0):
        tally.scaled.append(f"{name}, {page.width} x {page.height} instead of {size[0]} x {size[1]}")
    tally.notes += [f"{name}: {note}" for note in page.notes]
    shapes = tuple(_shape(line, factors) for line in page.lines)
    ids = unique_ids(page.lines)
    lines: list[SurveyedLine] = []
    skipped: list[SkippedLine] = []
    for index, (line, line_id, shape) in enumerate(zip(page.lines, ids, shapes, strict=True)):
        where = f"{name}:{line.number}"
        outcome = _usable(line, shape, size, options, cut, every_line=every_line)
        if isinstance(outcome, tuple):
            text, (width_px, height_px) = outcome
            lines.append(SurveyedLine(line_id, index, text.text, where, width_px, height_px))
            for happened, wheres in (
                (text.several, tally.several),
                (text.normalized, tally.normalized),
                (text.trimmed, tally.trimmed),
            ):
                if happened:
                    wheres.append(where)
        else:
            reason, detail = outcome.reason, outcome.detail
            skipped.append(SkippedLine(f"{file.name}-{line_id}.png", _raw_text(line), where, reason, detail))
            tally.skip(skipped[-1])
    return SurveyedPage(file, page, shapes, tuple(lines), tuple(skipped), sha256)


@dataclass(frozen=True)
class _Unusable:
    reason: SkipReason
    detail: str = ""


def _usable(
    line: PageLine, shape: LineShape, size: tuple[int, int], options: TextOptions, cut: Cut, *, every_line: bool
) -> tuple[LineText, tuple[int, int]] | _Unusable:
    text = choose_text(line, options)
    if every_line:
        text = LineText("?", several=False, normalized=False, trimmed=False)
    if not isinstance(text, LineText):
        return _Unusable(text.reason, text.detail)
    estimate = estimated_size(shape, cut)
    if estimate is None:
        return _Unusable(SkipReason.NO_SHAPE)
    if _is_outside(shape, size):
        return _Unusable(SkipReason.CANNOT_CUT, "it lies outside the image")
    return text, estimate


def _failed(message: str, where: str) -> Finding:
    return Finding(Severity.WARNING, "data.page_failed", message, where, "Repair it, or take it out of the folder.")


def _raw_text(line: PageLine) -> str:
    return " ".join(line.texts[0].text.split()) if line.texts else ""


def _scale(page: Page, size: tuple[int, int]) -> tuple[float, float] | None:
    """Factors from the XML's coordinates to the image's pixels; None when they are of another picture."""
    if page.width is None or page.height is None:
        return 1.0, 1.0
    across, down = size[0] / page.width, size[1] / page.height
    if abs(across - 1) <= _SAME and abs(down - 1) <= _SAME:
        return 1.0, 1.0
    return (across, down) if abs(across / down - 1) <= _ONE_SCALE else None


def _shape(line: PageLine, factors: tuple[float, float]) -> LineShape:
    across, down = factors

    def scaled(points: tuple[Point, ...]) -> tuple[Point, ...]:
        return points if factors == (1.0, 1.0) else tuple((x * across, y * down) for x, y in points)

    x_height = None if line.x_height_px is None else round(line.x_height_px * down)
    return LineShape(scaled(line.baseline), scaled(line.outline), x_height)


def _is_outside(shape: LineShape, size: tuple[int, int]) -> bool:
    points = shape.outline or shape.baseline
    across, down = [x for x, _ in points], [y for _, y in points]
    return max(across) < 0 or max(down) < 0 or min(across) >= size[0] or min(down) >= size[1]


def unique_ids(lines: Sequence[PageLine]) -> list[str]:
    """An id for each line that is unique in the page and safe in a file name; as it is where that is so already."""
    ids: list[str] = []
    taken: set[str] = set()
    tried: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        plain = re.sub(r"[^\w.-]+", "_", line.id).strip(".")[:_MAX_ID] or f"line_{number}"
        unique = plain
        while unique in taken:
            # on from the last: a page whose lines are all named alike would be gone through for each of them
            tried[plain] = tried.get(plain, 1) + 1
            unique = f"{plain}_{tried[plain]}"
        taken.add(unique)
        ids.append(unique)
    return ids
