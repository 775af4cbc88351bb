"""Candidates read by a model and ranked: the least confident page first."""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from loghi_runner.aliases import OnProgress
from loghi_runner.cutting.cut import CHANNELS
from loghi_runner.ground_truth.cut_pages import cut_pages
from loghi_runner.pages.write import Reading
from loghi_runner.recognition.line_reader import LineReader
from loghi_runner.recognition.next_pages.candidates import Candidates
from loghi_runner.recognition.next_pages.confidence import Confidence, judged_lines, measure_confidence


@dataclass(frozen=True)
class RankedPage:
    """`lines` were read of `marked` lines on the page; `confidence` is the mean over the characters read."""

    page: str
    lines: int
    marked: int
    confidence: float


@dataclass(frozen=True)
class NextPages:
    """`confidence` tells how far it can be trusted; None where the model's own test lines are not known."""

    pages: tuple[RankedPage, ...]
    transcribed: tuple[str, ...]
    failed: dict[str, str]
    confidence: Confidence | None


def rank_pages(
    reader: LineReader, candidates: Candidates, on_progress: OnProgress, note: Callable[[str], None]
) -> NextPages:
    """Read the candidates' lines, and the test lines of the model's own run where there are some.

    Raises:
        RunnerError: they cannot be read.
    """
    work = Path(tempfile.mkdtemp(prefix="loghi-runner-next-"))
    try:
        cut = cut_pages(
            candidates.pages,
            lambda page: work / page.file.name,
            cut=candidates.cut,
            channels=CHANNELS,
            on_page=lambda *told: on_progress("cutting pages", *told),
        )
        images = {name: [page.folder / line.file for line in page.record.lines] for name, page in cut.pages.items()}
        judged = judged_lines(reader.folder)
        wanted = [*(image for found in images.values() for image in found), *judged]
        readings = reader.read(wanted, on_progress, note).by_image
    finally:
        shutil.rmtree(work, ignore_errors=True)
    ranked = []
    for page in candidates.pages:
        read = [readings[image] for image in images.get(page.file.name, ()) if image in readings]
        if read:
            ranked.append(RankedPage(page.file.name, len(read), len(page.page.lines), mean_confidence(read)))
    ranked.sort(key=lambda page: (page.confidence, page.page))
    confidence = measure_confidence([(text, readings[image]) for image, text in judged.items() if image in readings])
    return NextPages(tuple(ranked), candidates.transcribed, cut.failed, confidence)


def mean_confidence(readings: Iterable[Reading]) -> float:
    """Over characters, so that a page number counts less than a full line; a line read as nothing counts as one."""
    weighted = [(max(len(reading.text), 1), reading.confidence) for reading in readings]
    return sum(weight * confidence for weight, confidence in weighted) / sum(weight for weight, _ in weighted)
