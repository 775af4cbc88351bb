"""The lines of a run that come from transcribed pages: read and split by page, not cut yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_contract.job import Split
from loghi_contract.lines import LineSample, SkippedLine
from loghi_runner.config.schema import SplitConfig
from loghi_runner.findings import Finding
from loghi_runner.ground_truth.images import GroundTruthLine
from loghi_runner.ground_truth.line_store import LineStore
from loghi_runner.ground_truth.split import PageSplit, read_split, split_pages
from loghi_runner.ground_truth.survey import Survey, SurveyedPage, survey_pages


@dataclass(frozen=True)
class PagesTruth:
    """Pages of a run, their split, and where their line images are, or will be once they are cut."""

    survey: Survey
    split: PageSplit
    split_file: Path
    store: LineStore
    findings: tuple[Finding, ...]

    def lines(self) -> dict[Split, tuple[GroundTruthLine, ...]]:
        """The lines of each split that has pages; sizes are estimates, and no image need exist."""
        lines: dict[Split, list[GroundTruthLine]] = {}
        for page in self.survey.pages:
            folder = self.store.page_folder(page)
            lines.setdefault(self.split.parts[page.file.name], []).extend(_lines(page, folder))
        return {split: tuple(found) for split, found in lines.items()}

    def skipped(self) -> tuple[tuple[Split, SkippedLine], ...]:
        return tuple((self.split.parts[page.file.name], line) for page in self.survey.pages for line in page.skipped)


def read_pages(
    folders: Sequence[Path],
    split: SplitConfig,
    store: LineStore,
    config_folder: Path,
    on_page: Callable[[int, int], None],
) -> PagesTruth:
    """Read all pages and decide their split; writes nothing."""
    survey = survey_pages(folders, store.text, store.cut, config_folder, on_page)
    split_file = store.split_file(folders, split)
    divided = split_pages(survey.pages, split, read_split(split_file))
    return PagesTruth(survey, divided, split_file, store, (*survey.findings, *divided.findings))


def _lines(page: SurveyedPage, folder: Path) -> list[GroundTruthLine]:
    return [
        GroundTruthLine(
            sample=LineSample(f"{page.file.name}-{line.id}.png", line.text, 1.0, line.where),
            image=folder / f"{page.file.name}-{line.id}.png",
            width_px=line.width_px,
            height_px=line.height_px,
            has_transparency=False,
            bytes=0,
            is_cut=False,
        )
        for line in page.lines
    ]
