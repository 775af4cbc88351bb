"""What a folder of transcribed pages holds, before anything is cut: usable lines, and what is left out and why."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_contract.lines import LineSample, SkippedLine, SkipReason
from loghi_runner.aliases import Point
from loghi_runner.cutting.cut import LineShape, estimated_size
from loghi_runner.cutting.image import PageImageError
from loghi_runner.cutting.pictures import Picture, page_pictures
from loghi_runner.files import file_sha256
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.ground_truth.tally import Tally
from loghi_runner.pages.find import PageFile, find_pages
from loghi_runner.pages.model import Page, PageLine
from loghi_runner.pages.read import PageError, read_page
from loghi_runner.pages.texts import LineText, TextOptions, choose_text
from loghi_runner.wording import plural

_MAX_ID = 80

#: An XML's image size may differ from the real one by so much and still be the same (rounding).
_SAME = 0.002
#: The two directions' factors may differ by so much and still be one scale.
_ONE_SCALE = 0.01


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
    tally = Tally()
    pages: list[SurveyedPage] = []
    for number, file in enumerate(files, start=1):
        surveyed = _survey(file, text, cut, base, tally, every_line=every_line)
        if isinstance(surveyed, Finding):
            findings.append(surveyed)
        else:
            pages.append(surveyed)
        on_page(number, len(files))
    skipped = [line for page in pages for line in page.skipped]
    findings += tally.findings(sum(len(page.lines) for page in pages) + len(skipped), skipped)
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
    file: PageFile, options: TextOptions, cut: Cut, base: Path, tally: Tally, *, every_line: bool
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
        message = (
            f"{name} is left out: it is for an image of {page.width} x {page.height} pixels, "
            f"but {file.image.name} has {sizes}"
        )
        return _failed(message, name)
    picture, factors = fitting
    size = picture.size
    _tell_picture(picture, file.image.name, tally)
    if factors != (1.0, 1.0):
        tally.scaled.append(f"{name}, {page.width} x {page.height} instead of {size[0]} x {size[1]}")
    tally.notes += [f"{name}: {note}" for note in page.notes]
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
            for happened, wheres in (
                (text.machine_read, tally.machine_read),
                (text.several, tally.several),
                (text.normalized, tally.normalized),
                (text.trimmed, tally.trimmed),
            ):
                if happened:
                    wheres.append(where)
        else:
            skipped.append(SkippedLine(image, _raw_text(line), where, outcome.reason, outcome.detail))
    return SurveyedPage(file, page, picture, tuple(ids), shapes, tuple(lines), tuple(skipped), sha256)


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


def _fitting(page: Page, pictures: Sequence[Picture]) -> tuple[Picture, tuple[float, float]] | None:
    """The picture the XML was made for, and the factors to its pixels: of its very size, or else of its shape."""
    scaled = [(picture, factors) for picture in pictures if (factors := _scale(page, picture.size)) is not None]
    return next((each for each in scaled if each[1] == (1.0, 1.0)), next(iter(scaled), None))


def _tell_picture(picture: Picture, image: str, tally: Tally) -> None:
    if picture.of > 1:
        used = "the first" if picture.place == 0 else f"number {picture.place + 1}, which has the XML's size,"
        tally.several_pictures.append(f"{image} holds {picture.of} pictures: {used} is used, and no other is looked at")
    if picture.as_stored:
        tally.as_stored.append(image)


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
