"""Which pages to transcribe next: those with lines not transcribed yet that the model reads with the least confidence.

How confidence relates to errors is measured on the test lines of the run that made the model.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.counts import pool
from loghi_contract.cut import Cut
from loghi_contract.records import to_json
from loghi_runner.aliases import OnProgress
from loghi_runner.engines.mounts import host_image
from loghi_runner.errors import DataError, UsageError
from loghi_runner.evaluation.counts import count
from loghi_runner.files import is_file, is_folder
from loghi_runner.ground_truth.survey import SurveyedPage
from loghi_runner.models.find import choose_cut, find_model, run_of
from loghi_runner.pages.texts import ANY_TEXT, LineText, choose_text
from loghi_runner.pages.write import Reading
from loghi_runner.recognition.line_reader import LineReader, ReaderOptions, open_reader
from loghi_runner.recognition.output_folder import work_folder
from loghi_runner.recognition.temporary_lines import cut_into, survey_folder
from loghi_runner.runs.verdict import read_split
from loghi_runner.wording import aligned, percent, plural

#: Fewer lines make no quarters worth telling.
_FEWEST = 20
#: A quarter of lines with so many times the errors of another is told apart by confidence.
_TELLING = 1.5
#: Pages shown; nobody transcribes more before training again.
_SHOWN = 15


@dataclass(frozen=True)
class Candidates:
    """Pages with only the lines that are to be transcribed; `transcribed` names the pages that have none."""

    pages: tuple[SurveyedPage, ...]
    transcribed: tuple[str, ...]
    cut: Cut


@dataclass(frozen=True)
class Confidence:
    """CER of the quarter of lines with the least confidence, and of the quarter with the most."""

    lines: int
    least_cer: float
    most_cer: float
    sentence: str


@dataclass(frozen=True)
class RankedPage:
    """`lines` were read of `marked` lines on the page; `confidence` is the mean over the characters read."""

    page: str
    lines: int
    marked: int
    confidence: float


@dataclass(frozen=True)
class NextPages:
    """`confidence` tells how far it can be trusted; None where the model's own test lines are not known.

    `language_model` tells of the one beside the model, used or not, None where there is none. The confidence is the
    image's, of the text that is read.
    """

    pages: tuple[RankedPage, ...]
    transcribed: tuple[str, ...]
    failed: dict[str, str]
    confidence: Confidence | None
    language_model: str | None = None


def next_pages(
    model: str,
    folder: Path,
    options: ReaderOptions,
    cut: Cut | None,
    on_progress: OnProgress,
    note: Callable[[str], None],
    *,
    with_text: bool = False,
) -> NextPages:
    """Rank the pages of a folder with a model. Raises RunnerError.

    Args:
        cut: None for the way in which the model's own lines were cut.
    """
    named = find_model(model)
    reader = open_reader(named.folder, options)
    candidates = find_candidates(folder, choose_cut(named, cut, note), on_progress, with_text=with_text)
    return rank_pages(reader, candidates, on_progress, note)


def find_candidates(folder: Path, cut: Cut, on_progress: OnProgress, *, with_text: bool = False) -> Candidates:
    """Read all pages below the folder.

    Args:
        with_text: take lines that have a text, too, as a machine may have written it.

    Raises:
        UsageError: there is no such folder.
        DataError: there is no page, or no line to transcribe.
    """
    if not is_folder(folder):
        hint = "Name a folder of page images with PAGE XML or ALTO."
        raise UsageError("next.no_folder", f"there is no folder {folder}", hint=hint)
    survey = survey_folder(folder, ANY_TEXT, cut, on_progress, every_line=True)
    pages = [page if with_text else _without_text(page) for page in survey.pages if page.lines]
    if not any(page.lines for page in pages):
        raise DataError(
            "next.all_transcribed",
            f"every line in {folder} has a text already",
            hint="If a machine wrote these texts, `loghi-runner next-pages --with-text` ranks the pages all the same.",
        )
    transcribed = tuple(page.file.name for page in pages if not page.lines)
    return Candidates(tuple(page for page in pages if page.lines), transcribed, cut)


def rank_pages(
    reader: LineReader, candidates: Candidates, on_progress: OnProgress, note: Callable[[str], None]
) -> NextPages:
    """Read the candidates' lines, and the test lines of the model's own run where there are some."""
    with work_folder("loghi-runner-next-") as work:
        cut = cut_into(work, candidates.pages, candidates.cut, on_progress)
        images = {name: [page.folder / line.file for line in page.record.lines] for name, page in cut.pages.items()}
        judged = judged_lines(reader.folder)
        wanted = [*(image for found in images.values() for image in found), *judged]
        readings = reader.read(wanted, on_progress, note).by_image
    ranked = []
    for page in candidates.pages:
        read = [readings[image] for image in images.get(page.file.name, ()) if image in readings]
        if read:
            ranked.append(RankedPage(page.file.name, len(read), len(page.page.lines), mean_confidence(read)))
    ranked.sort(key=lambda page: (page.confidence, page.page))
    confidence = measure_confidence([(text, readings[image]) for image, text in judged.items() if image in readings])
    return NextPages(tuple(ranked), candidates.transcribed, cut.failed, confidence, reader.about_it)


def mean_confidence(readings: Iterable[Reading]) -> float:
    """Over characters, so that a page number counts less than a full line; a line read as nothing counts as one."""
    weighted = [(max(len(reading.text), 1), reading.confidence) for reading in readings]
    return sum(weight * confidence for weight, confidence in weighted) / sum(weight for weight, _ in weighted)


def judged_lines(model: Path) -> dict[Path, str]:
    """Image and transcription of the test lines of the model's run; none where the model comes from elsewhere."""
    run = run_of(model)
    if run is None:
        return {}
    try:
        data_folders = run.read().data_folders
    except UsageError:
        return {}
    test = read_split(run.out, "test")
    found = {
        host_image(image, data_folders): line.reference for line, image in zip(test.lines, test.images, strict=True)
    }
    return {image: text for image, text in found.items() if image is not None and is_file(image)}


def measure_confidence(judged: Sequence[tuple[str, Reading]]) -> Confidence | None:
    """The two quarters' CER; None for too few lines."""
    if len(judged) < _FEWEST:
        return None
    ranked = sorted(judged, key=lambda pair: pair[1].confidence)
    quarter = len(ranked) // 4
    parts = (ranked[:quarter], ranked[-quarter:])
    least, most = (pool(count(text, reading.text) for text, reading in part) for part in parts)
    tells = least.cer > _TELLING * most.cer
    told = "Confidence tells where the errors are" if tells else "Confidence tells little here"
    sentence = (
        f"{told}: of {len(judged)} test lines, the least confident quarter has {percent(least.cer)} CER, "
        f"the most confident {percent(most.cer)}."
    )
    return Confidence(len(judged), least.cer, most.cer, sentence)


def next_table(found: NextPages) -> list[tuple[str, ...]]:
    """Header and rows, the least confident page first."""
    rows: list[tuple[str, ...]] = [("confidence", "lines", "page")]
    for page in found.pages[:_SHOWN]:
        lines = str(page.lines) if page.lines == page.marked else f"{page.lines} of {page.marked}"
        rows.append((percent(page.confidence), lines, page.page))
    return rows


def next_lines(found: NextPages) -> list[str]:
    """The table and what belongs to it."""
    lines = ["pages to transcribe next, the least confident first", *(f"  {row}" for row in aligned(next_table(found)))]
    return [*lines, *next_remarks(found)]


def next_remarks(found: NextPages) -> list[str]:
    remarks = []
    if len(found.pages) > _SHOWN:
        remarks.append(f"{plural(len(found.pages) - _SHOWN, 'more page')} are read with more confidence.")
    if found.transcribed:
        verb = "is" if len(found.transcribed) == 1 else "are"
        remarks.append(f"{plural(len(found.transcribed), 'page')} {verb} transcribed already.")
    unknown = "How confidence relates to errors is not known: the model is not in a run folder with test lines."
    if found.language_model:
        remarks.append(f"Language model {found.language_model}.")
    return [*remarks, found.confidence.sentence if found.confidence else unknown]


def next_json(found: NextPages) -> dict[str, Any]:
    """All pages; confidence and CER are fractions."""
    return {"kind": "next_pages", **to_json(found)}


def _without_text(page: SurveyedPage) -> SurveyedPage:
    lines = page.page.lines
    open_lines = (line for line in page.lines if not isinstance(choose_text(lines[line.place], ANY_TEXT), LineText))
    return replace(page, lines=tuple(open_lines))
