"""`loghi-runner recognize`: pages whose lines are marked, read by a model, into the same XML with its texts."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loghi_contract import CONTRACT
from loghi_contract.job import Action, RecognizeJob, dump_job
from loghi_contract.lines import LineSample, format_line_list
from loghi_contract.places import BASE_MODEL_DIR, DATA_DIR, LISTS_DIR, OUT_DIR, RESULTS_FILE
from loghi_contract.places import JOB_DIR as JOB_TARGET
from loghi_contract.text import Normalization
from loghi_runner.base_check import check_base_model
from loghi_runner.config_schema import Cut, TextEquivChoice
from loghi_runner.engines import choose_engine
from loghi_runner.engines.base import Launch, Mount
from loghi_runner.errors import DataError, EngineError, UsageError
from loghi_runner.files import real_path
from loghi_runner.findings import Finding, errors
from loghi_runner.finetune import choose_setting
from loghi_runner.gpus import GpuRequest
from loghi_runner.line_store import CHANNELS
from loghi_runner.pages.texts import TextOptions
from loghi_runner.pages.write import Reading, with_readings
from loghi_runner.prepare.cut_pages import CutPages, cut_pages
from loghi_runner.prepare.survey import Survey, SurveyedPage, survey_pages
from loghi_runner.rundir import new_run_id
from loghi_runner.short_run import run_to_end

#: Told what is being done, how much of it is done, and of how much.
OnProgress = Callable[[str, int, int], None]

_ANY_TEXT = TextOptions(TextEquivChoice.LOWEST, (), False, Normalization.NONE)
_BATCH = 16


@dataclass(frozen=True)
class RecognizeOptions:
    engine: str = "auto"
    gpus: GpuRequest = "auto"
    cut: Cut = Cut.LOGHI
    batch_size: int = _BATCH
    plain_text: bool = False


@dataclass(frozen=True)
class RecognizedPages:
    """Files that were written, by page; `seconds` is the reading alone."""

    files: dict[str, Path]
    lines: int
    seconds: float
    failed: dict[str, str]
    findings: tuple[Finding, ...]


def recognize(
    model: Path,
    folder: Path,
    out: Path,
    options: RecognizeOptions,
    on_progress: OnProgress,
    note: Callable[[str], None],
) -> RecognizedPages:
    """Read all lines of the pages and write their XML with the model's texts into `out`.

    Raises:
        RunnerError: nothing could be read.
    """
    base = check_base_model(model)
    if base.facts is None or base.folder is None:
        first = base.findings[0]
        raise DataError(first.code, first.message, where=str(model), hint=first.hint)
    _require_new_place(folder, out)
    survey = survey_pages(
        [folder], _ANY_TEXT, options.cut, folder, lambda *told: on_progress("reading pages", *told), every_line=True
    )
    for wrong in errors(survey.findings):
        raise DataError(wrong.code, wrong.message, where=wrong.where, hint=wrong.hint)
    engine, _ = choose_engine(options.engine)
    setting = choose_setting(engine, options.gpus)
    try:
        out.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".recognize-", dir=real_path(out)))
    except OSError as error:
        raise EngineError("output.cannot_write", f"{out} cannot be written: {error.strerror or error}") from error
    try:
        pages = [page for page in survey.pages if page.lines]
        cut = cut_pages(
            pages,
            lambda page: work / "lines" / page.file.name,
            cut=options.cut,
            channels=CHANNELS,
            on_page=lambda *told: on_progress("cutting pages", *told),
        )
        lines = str(LISTS_DIR / "lines.txt")
        kind = setting.device.kind
        job = RecognizeJob(CONTRACT, new_run_id(), Action.RECOGNIZE, lines, kind, options.batch_size)
        _lay_out(work, job, cut)
        mounts = (
            Mount(work / "lines", DATA_DIR / "0", True),
            Mount(base.folder, BASE_MODEL_DIR, True),
            Mount(work / "in", JOB_TARGET, True),
            Mount(work / "out", OUT_DIR, False),
        )
        launch = Launch(
            job.run_id, work, setting.image.name if setting.image else "", job.device, setting.device.uuids, mounts
        )
        progress = run_to_end(launch, engine, lambda *told: on_progress("reading lines", *told), note)
        readings = _read_results(work / "out" / RESULTS_FILE)
        files, failed = _write_pages(survey, cut, readings, out, plain_text=options.plain_text)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    seconds = progress.recognized.seconds if progress.recognized else 0.0
    return RecognizedPages(files, len(readings), seconds, cut.failed | failed, survey.findings)


def _require_new_place(folder: Path, out: Path) -> None:
    if real_path(out).is_relative_to(real_path(folder)):
        raise UsageError(
            "recognize.in_pages",
            f"the output {out} lies in {folder}, where the pages are",
            hint="Name a folder of its own: the pages' own XML is never changed.",
        )


def _lay_out(work: Path, job: RecognizeJob, cut: CutPages) -> None:
    (work / "in" / "lists").mkdir(parents=True)
    (work / "out").mkdir()
    (work / "lines").mkdir(exist_ok=True)
    (work / "in" / "job.json").write_text(dump_job(job), encoding="utf-8")
    samples = [
        LineSample(str(DATA_DIR / "0" / page.folder.name / line.file), "?", 1.0, "")
        for page in cut.pages.values()
        for line in page.record.lines
    ]
    (work / "in" / "lists" / "lines.txt").write_text(format_line_list(samples), encoding="utf-8", newline="")


def _read_results(results: Path) -> dict[tuple[str, str], Reading]:
    """Readings by page folder and file name."""
    found = {}
    for row in results.read_text(encoding="utf-8").splitlines():
        image, confidence, text = row.split("\t", 2)
        page, _, file = image.rpartition("/")
        found[page.rpartition("/")[2], file] = Reading(text, float(confidence))
    return found


def _write_pages(
    survey: Survey, cut: CutPages, readings: dict[tuple[str, str], Reading], out: Path, *, plain_text: bool
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


def _texts_of(page: SurveyedPage, cut: CutPages, readings: dict[tuple[str, str], Reading]) -> dict[int, Reading]:
    """Readings by the line's place in the page."""
    places = {line.id: line.index for line in page.lines}
    folder = cut.pages[page.file.name].folder.name
    return {
        places[line.id]: readings[folder, line.file]
        for line in cut.pages[page.file.name].record.lines
        if (folder, line.file) in readings
    }
