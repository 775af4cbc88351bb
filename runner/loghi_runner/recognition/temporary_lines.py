"""The lines of pages, cut for one command into a folder that goes away with it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_runner.aliases import OnProgress
from loghi_runner.cutting.cut import CHANNELS
from loghi_runner.errors import DataError
from loghi_runner.findings import Severity, errors, for_folder
from loghi_runner.ground_truth.cut_pages import CutPages, cut_pages
from loghi_runner.ground_truth.survey import Survey, SurveyedPage, survey_pages
from loghi_runner.pages.find import find_pages
from loghi_runner.pages.texts import TextOptions
from loghi_runner.recognition.output_folder import writing_output


def cut_temporarily(
    folder: Path, text: TextOptions, cut_as: Cut, work: Path, on_progress: OnProgress, *, every_line: bool
) -> tuple[Survey, CutPages]:
    """Read all pages below a folder and cut their lines into `work`.

    Args:
        every_line: lines without a text, too.

    Raises:
        DataError: there is no page that can be used.
        EngineError: there is no room on the disk.
    """
    survey = survey_folder(folder, text, cut_as, on_progress, every_line=every_line)
    return survey, cut_into(work, [page for page in survey.pages if page.lines], cut_as, on_progress)


def cut_into(work: Path, pages: Sequence[SurveyedPage], cut_as: Cut, on_progress: OnProgress) -> CutPages:
    """Cut the lines of each page into a folder of its name. Raises EngineError: there is no room on the disk."""
    with writing_output(work):
        return cut_pages(
            pages,
            lambda page: work / page.file.name,
            cut=cut_as,
            channels=CHANNELS,
            on_page=lambda *told: on_progress("cutting pages", *told),
        )


def survey_folder(folder: Path, text: TextOptions, cut_as: Cut, on_progress: OnProgress, *, every_line: bool) -> Survey:
    """Read all pages below the folder that a command was given. Raises DataError: there is no page that can be used."""
    survey = survey_pages(
        [find_pages(folder)],
        text,
        cut_as,
        folder,
        lambda *told: on_progress("reading pages", *told),
        every_line=every_line,
    )
    survey = replace(survey, findings=for_folder(survey.findings, folder))
    for wrong in errors(survey.findings):
        # with the first reason why the pages do not do
        first = next((finding for finding in survey.findings if finding.severity is Severity.WARNING), None)
        if first is None:
            raise DataError(wrong.code, wrong.message, where=str(folder), hint=wrong.hint)
        message = f"{wrong.message}: {first.message}"
        raise DataError(wrong.code, message, where=first.where, hint=first.hint or wrong.hint)
    return survey
