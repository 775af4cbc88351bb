"""Pages with lines that are marked, but not transcribed yet."""

from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_runner.aliases import OnProgress
from loghi_runner.errors import DataError, UsageError
from loghi_runner.files import is_folder
from loghi_runner.ground_truth.survey import SurveyedPage
from loghi_runner.pages.texts import ANY_TEXT, LineText, choose_text
from loghi_runner.recognition.temporary_lines import survey_folder


@dataclass(frozen=True)
class Candidates:
    """Pages with only the lines that are to be transcribed; `transcribed` names the pages that have none."""

    pages: tuple[SurveyedPage, ...]
    transcribed: tuple[str, ...]
    cut: Cut


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
    return Candidates(
        tuple(page for page in pages if page.lines),
        tuple(page.file.name for page in pages if not page.lines),
        cut,
    )


def _without_text(page: SurveyedPage) -> SurveyedPage:
    lines = page.page.lines
    open_lines = (line for line in page.lines if not isinstance(choose_text(lines[line.place], ANY_TEXT), LineText))
    return replace(page, lines=tuple(open_lines))
