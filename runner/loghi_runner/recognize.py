"""`loghi-runner recognize`: pages whose lines are marked, read by a model, into the same XML with its texts."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_contract.text import Normalization
from loghi_runner.config_schema import TextEquivChoice
from loghi_runner.cutting.cut import CHANNELS
from loghi_runner.errors import DataError, EngineError, UsageError
from loghi_runner.files import real_path
from loghi_runner.findings import Finding, errors
from loghi_runner.line_reader import LineReader, OnProgress
from loghi_runner.pages.texts import TextOptions
from loghi_runner.pages.write import Reading, with_readings
from loghi_runner.prepare.cut_pages import CutPages, cut_pages
from loghi_runner.prepare.survey import Survey, SurveyedPage, survey_pages

_ANY_TEXT = TextOptions(TextEquivChoice.LOWEST, (), False, Normalization.NONE)


@dataclass(frozen=True)
class RecognizedPages:
    """Files that were written, by page; `seconds` is the reading alone."""

    files: dict[str, Path]
    lines: int
    seconds: float
    failed: dict[str, str]
    findings: tuple[Finding, ...]


def recognize_pages(
    reader: LineReader,
    folder: Path,
    out: Path,
    cut_as: Cut,
    on_progress: OnProgress,
    note: Callable[[str], None],
    *,
    plain_text: bool = False,
) -> RecognizedPages:
    """Read all lines of the pages and write their XML with the model's texts into `out`.

    Raises:
        RunnerError: nothing could be read.
    """
    _require_new_place(folder, out)
    survey = survey_pages(
        [folder], _ANY_TEXT, cut_as, folder, lambda *told: on_progress("reading pages", *told), every_line=True
    )
    for wrong in errors(survey.findings):
        raise DataError(wrong.code, wrong.message, where=wrong.where, hint=wrong.hint)
    try:
        out.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".recognize-", dir=real_path(out)))
    except OSError as error:
        raise EngineError("output.cannot_write", f"{out} cannot be written: {error.strerror or error}") from error
    try:
        cut = cut_pages(
            [page for page in survey.pages if page.lines],
            lambda page: work / page.file.name,
            cut=cut_as,
            channels=CHANNELS,
            on_page=lambda *told: on_progress("cutting pages", *told),
        )
        images = [page.folder / line.file for page in cut.pages.values() for line in page.record.lines]
        read = reader.read(images, on_progress, note, work_in=work)
        files, failed = _write_pages(survey, cut, read.by_image, out, plain_text=plain_text)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return RecognizedPages(files, len(read.by_image), read.seconds, cut.failed | failed, survey.findings)


def _require_new_place(folder: Path, out: Path) -> None:
    if real_path(out).is_relative_to(real_path(folder)):
        raise UsageError(
            "recognize.in_pages",
            f"the output {out} lies in {folder}, where the pages are",
            hint="Name a folder of its own: the pages' own XML is never changed.",
        )


def _write_pages(
    survey: Survey, cut: CutPages, readings: dict[Path, Reading], out: Path, *, plain_text: bool
) -> tuple[dict[str, Path], dict[str, str]]:
    files: dict[str, Path] = {}
    failed: dict[str, str] = {}
    for page in survey.pages:
        if page.file.name not in cut.pages:
            continue
        texts = _texts_of(page, cut, readings)
        target = out / f"{page.file.name}.xml"
        try:
            target.write_bytes(with_readings(page.file.xml, texts))
            if plain_text:
                lines = [texts[number].text for number in sorted(texts)]
                (out / f"{page.file.name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        except OSError as error:
            failed[page.file.name] = f"{target} cannot be written: {error.strerror or error}"
        else:
            files[page.file.name] = target
    return files, failed


def _texts_of(page: SurveyedPage, cut: CutPages, readings: dict[Path, Reading]) -> dict[int, Reading]:
    """Readings by the line's place in the page."""
    places = {line.id: line.index for line in page.lines}
    folder = cut.pages[page.file.name].folder
    return {
        places[line.id]: readings[folder / line.file]
        for line in cut.pages[page.file.name].record.lines
        if folder / line.file in readings
    }
