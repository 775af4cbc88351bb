"""The lines of pages, cut for one command into a folder that goes away with it."""

from dataclasses import dataclass
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_runner.cutting.cut import CHANNELS
from loghi_runner.errors import DataError
from loghi_runner.findings import errors
from loghi_runner.line_reader import OnProgress
from loghi_runner.pages.texts import TextOptions
from loghi_runner.prepare.cut_pages import CutPages, cut_pages
from loghi_runner.prepare.survey import Survey, survey_pages


@dataclass(frozen=True)
class TemporaryLines:
    survey: Survey
    cut: CutPages


def cut_temporarily(
    folder: Path, text: TextOptions, cut_as: Cut, work: Path, on_progress: OnProgress, *, every_line: bool
) -> TemporaryLines:
    """Read all pages below a folder and cut their lines into `work`.

    Args:
        every_line: lines without a text, too.

    Raises:
        DataError: there is no page that can be used.
    """
    survey = survey_pages(
        [folder], text, cut_as, folder, lambda *told: on_progress("reading pages", *told), every_line=every_line
    )
    for wrong in errors(survey.findings):
        raise DataError(wrong.code, wrong.message, where=wrong.where, hint=wrong.hint)
    cut = cut_pages(
        [page for page in survey.pages if page.lines],
        lambda page: work / page.file.name,
        cut=cut_as,
        channels=CHANNELS,
        on_page=lambda *told: on_progress("cutting pages", *told),
    )
    return TemporaryLines(survey, cut)
