"""What a folder of transcribed pages holds, before anything is cut: usable lines, and what is left out and why."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_contract.lines import SKIP_SENTENCES, LineSample, SkippedLine, SkipReason
from loghi_runner.aliases import Point
from loghi_runner.cutting.cut import LineShape, estimated_size
from loghi_runner.cutting.image import PageImageError
from loghi_runner.cutting.pictures import Picture, page_pictures
from loghi_runner.files import file_sha256
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.pages.find import FoundPages, PageFile
from loghi_runner.pages.model import Page, PageLine
from loghi_runner.pages.read import read_page
from loghi_runner.pages.texts import LineText, TextOptions, Unusable, choose_text
from loghi_runner.pages.xml import PageError
from loghi_runner.wording import plural

_MAX_ID = 80

#: An XML's image size may differ from the real one by so much and still be the same (rounding).
_SAME = 0.002
#: The two directions' factors may differ by so much and still be one scale.
_ONE_SCALE = 0.01

#: The text of a line that is to be read, not learnt from.
_ANY = LineText("?", several=False, normalized=False, trimmed=False)

#: Where each thing was met, by the code of its finding: `file:line` for lines, a sentence or a name for pages.
_Met = defaultdict[str, list[str]]
#: What is told of texts, in the order of what `_survey` looks at.
_OF_LINES = {
    "data.machine_read": (
        Severity.WARNING,
        "a machine's reading only (texts with index 1 and above, none with 0); it is taken for the truth",
        "data.skip_machine_read: true (`prepare --skip-machine-read`) leaves such lines out.",
    ),
    "data.several_texts": (
        Severity.INFO,
        "several texts, and the one with the lowest index is not the last",
        "data.text_equiv chooses: lowest (the default) or last (as Loghi does).",
    ),
    "data.normalized": (Severity.INFO, "accents that were written in another Unicode form", None),
    "data.trimmed": (
        Severity.INFO,
        "blanks around the text, or a TAB or line break inside; these are taken out, or made a blank",
        None,
    ),
}


@dataclass(frozen=True)
class SurveyedPage:
    """A page that can be used; `lines` are those worth cutting, `skipped` the others.

    `ids` (unique in the page, safe in a file name) and `shapes` (in the picture's pixels) are all its lines'.
    `sha256` is that of the image's bytes followed by the XML's.
    """

    file: PageFile
    page: Page
    picture: Picture
    ids: tuple[str, ...]
    shapes: tuple[LineShape, ...]
    lines: tuple[GroundTruthLine, ...]
    skipped: tuple[SkippedLine, ...]
    sha256: str


@dataclass(frozen=True)
class Survey:
    pages: tuple[SurveyedPage, ...]
    findings: tuple[Finding, ...]


def survey_pages(
    found: Sequence[FoundPages],
    text: TextOptions,
    cut: Cut,
    base: Path,
    on_page: Callable[[int, int], None],
    *,
    every_line: bool = False,
    key: str = "data.pages",
) -> Survey:
    """Read these pages, as of `find_pages`; a page that cannot be used is a finding, the others go on.

    Args:
        every_line: take lines without a text, too: they are to be read, not learnt from.
        key: the config's key that names the folders, for findings.
        base: findings name files relative to it where they lie below it.
        on_page: told how many pages are read, and of how many.
    """
    findings = [finding for each in found for finding in each.findings]
    by_name: dict[str, PageFile] = {}
    for file in (file for each in found for file in each.pages):
        # pages of several folders may have one name; only the first of them can keep it
        first = by_name.setdefault(file.name, file)
        if first is not file:
            message = f"two pages are called {file.name}: {first.image} and {file.image}; the second is left out"
            findings.append(Finding(Severity.WARNING, "data.same_page_name", message, key, "Rename one."))
    met: _Met = defaultdict(list)
    pages: list[SurveyedPage] = []
    for number, file in enumerate(by_name.values(), start=1):
        surveyed = _survey(file, text, cut, base, met, every_line=every_line)
        if isinstance(surveyed, Finding):
            findings.append(surveyed)
        else:
            pages.append(surveyed)
        on_page(number, len(by_name))
    skipped = [line for page in pages for line in page.skipped]
    findings += _told(met, sum(len(page.lines) for page in pages) + len(skipped), skipped)
    unmarked = [page.file.name for page in pages if not page.lines and not page.skipped]
    if by_name and not any(page.lines for page in pages):
        use, needs = ("read", "") if every_line else ("learnt from", "a text, and ")
        message = f"there is no line that can be {use} in {plural(len(by_name), 'page')}"
        hint = f"A line needs {needs}a baseline or an outline."
        findings.append(Finding(Severity.ERROR, "data.no_lines", message, key, hint))
    elif unmarked:
        message = f"pages left out, no line is marked on them: {len(unmarked)}; the first is {unmarked[0]!r}"
        findings.append(Finding(Severity.WARNING, "data.page_without_lines", message, key))
    return Survey(tuple(pages), tuple(findings))


def by_reason(skipped: Iterable[SkippedLine]) -> list[tuple[SkipReason, list[SkippedLine]]]:
    """Lines left out by their reason, the most frequent first."""
    found: dict[SkipReason, list[SkippedLine]] = {}
    for line in skipped:
        found.setdefault(line.reason, []).append(line)
    return sorted(found.items(), key=lambda pair: -len(pair[1]))


def _survey(
    file: PageFile, options: TextOptions, cut: Cut, base: Path, met: _Met, *, every_line: bool
) -> SurveyedPage | Finding:
    name = str(file.xml.relative_to(base)) if file.xml.is_relative_to(base) else str(file.xml)
    try:
        page = read_page(file.xml)
        pictures = page_pictures(file.image)
        sha256 = file_sha256(file.image, file.xml)
    except PageError as error:
        where = name if error.line is None else f"{name}:{error.line}"
        return _failed(f"{name} is left out: {error.message}", where)
    except PageImageError as error:
        return _failed(f"the page image {file.image.name} is left out: {error}", str(file.image))
    except OSError as error:
        return _failed(f"{name} is left out: {error.strerror or error}", str(error.filename or file.xml))
    fitting = _fitting(page, pictures)
    if fitting is None:
        sizes = " or ".join(dict.fromkeys(f"{each.width} x {each.height}" for each in pictures))
        made_for = f"an image of {page.width} x {page.height} pixels"
        return _failed(f"{name} is left out: it is for {made_for}, but {file.image.name} has {sizes}", name)
    picture, factors = fitting
    size = picture.size
    _tell_picture(picture, file.image.name, met)
    if factors != (1.0, 1.0):
        met["data.scaled"].append(f"{name}, {page.width} x {page.height} instead of {size[0]} x {size[1]}")
    met["data.oddities"] += [f"{name}: {note}" for note in page.notes]
    shapes = tuple(_shape(line, factors) for line in page.lines)
    ids = unique_ids(page.lines)
    lines: list[GroundTruthLine] = []
    skipped: list[SkippedLine] = []
    for place, (line, line_id, shape) in enumerate(zip(page.lines, ids, shapes, strict=True)):
        where = f"{name}:{line.number}"
        image = f"{file.name}-{line_id}.png"  # as Loghi's merge tool wants it
        outcome = _usable(line, shape, size, options, cut, every_line=every_line)
        if isinstance(outcome, tuple):
            text, (width_px, height_px) = outcome
            sample = LineSample(image, text.text, 1.0, where)
            lines.append(GroundTruthLine(sample, Path(image), width_px, height_px, is_cut=False, place=place))
            happened = (text.machine_read, text.several, text.normalized, text.trimmed)
            for code in compress(_OF_LINES, happened):
                met[code].append(where)
        else:
            raw = " ".join(line.texts[0].text.split()) if line.texts else ""
            skipped.append(SkippedLine(image, raw, where, outcome.reason, outcome.detail))
    return SurveyedPage(file, page, picture, tuple(ids), shapes, tuple(lines), tuple(skipped), sha256)


def _usable(
    line: PageLine, shape: LineShape, size: tuple[int, int], options: TextOptions, cut: Cut, *, every_line: bool
) -> tuple[LineText, tuple[int, int]] | Unusable:
    text = _ANY if every_line else choose_text(line, options)
    if isinstance(text, Unusable):
        return text
    estimate = estimated_size(shape, cut)
    if estimate is None:
        return Unusable(SkipReason.NO_SHAPE)
    if _is_outside(shape, size):
        return Unusable(SkipReason.CANNOT_CUT, "it lies outside the image")
    return text, estimate


def _failed(message: str, where: str) -> Finding:
    return Finding(Severity.WARNING, "data.page_failed", message, where, "Repair it, or take it out of the folder.")


def _fitting(page: Page, pictures: Sequence[Picture]) -> tuple[Picture, tuple[float, float]] | None:
    """The picture the XML was made for, and the factors to its pixels: of its very size, or else of its shape."""
    scaled = [(picture, factors) for picture in pictures if (factors := _scale(page, picture.size)) is not None]
    return next((each for each in scaled if each[1] == (1.0, 1.0)), next(iter(scaled), None))


def _tell_picture(picture: Picture, image: str, met: _Met) -> None:
    if picture.of > 1:
        used = "the first" if picture.place == 0 else f"number {picture.place + 1}, which has the XML's size,"
        told = f"{image} holds {picture.of} pictures: {used} is used, and no other is looked at"
        met["data.several_pictures"].append(told)
    if picture.as_stored:
        met["data.orientation"].append(image)


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


def _told(met: _Met, total: int, skipped: Sequence[SkippedLine]) -> Iterator[Finding]:
    """What is told of so many lines, of which some are left out, and of their pages."""
    for reason, lines in by_reason(skipped):
        detail = f" ({lines[0].detail})" if lines[0].detail else ""
        verb = "is" if len(lines) == 1 else "are"
        message = f"{len(lines)} of {plural(total, 'line')} {verb} left out: {SKIP_SENTENCES[reason]}{detail}"
        yield Finding(Severity.WARNING, f"data.{reason.value}", message, lines[0].where)
    for code, (severity, words, hint) in _OF_LINES.items():
        if wheres := met[code]:
            verb = "has" if len(wheres) == 1 else "have"
            yield Finding(severity, code, f"{plural(len(wheres), 'line')} {verb} {words}", wheres[0], hint)
    if told := met["data.several_pictures"]:
        message = told[0] + _more(told, "files with several pictures")
        hint = "Where another one is meant, save it as a file of its own."
        yield Finding(Severity.WARNING, "data.several_pictures", message, hint=hint)
    if told := met["data.orientation"]:
        message = (
            f"the coordinates of {plural(len(told), 'page')} are for the image as it is stored, "
            f"and not as its orientation mark (EXIF) turns it, so it is not turned: {told[0]}"
        )
        yield Finding(Severity.INFO, "data.orientation", message)
    if told := met["data.scaled"]:
        pages = plural(len(told), "page")
        message = f"the coordinates of {pages} are for an image of another size; they were scaled: {told[0]}"
        yield Finding(Severity.INFO, "data.scaled", message)
    if told := met["data.oddities"]:
        yield Finding(Severity.INFO, "data.oddities", told[0] + _more(told, "oddities like it"))


def _more(told: list[str], what: str) -> str:
    return f" (and {len(told) - 1} more {what})" if told[1:] else ""
