"""The page of `check --html`: lines of a run with their texts as the model will see them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from loghi_contract.files import open_plain
from loghi_contract.job import Split
from loghi_contract.text import normalize
from loghi_runner.cutting.cut import CHANNELS
from loghi_runner.engines.mounts import on_this_machine
from loghi_runner.files import cannot_write
from loghi_runner.finetuning.plan import RunPlan, new_characters
from loghi_runner.ground_truth.collect import PagesTruth
from loghi_runner.ground_truth.cut_pages import cut_pages
from loghi_runner.ground_truth.page_preview import PreviewLine, choose_lines, write_preview
from loghi_runner.ground_truth.survey import SurveyedPage
from loghi_runner.wording import SPLIT_WORDS

#: Lines of pages are not cut yet: so many pages of each split are, to look at.
_PAGES = 2


def write_check_preview(path: Path, plan: RunPlan) -> None:
    """Write the page.

    Raises:
        EngineError: it cannot be written.
    """
    characters = {new.character for new in new_characters(plan)}
    title = f"{plan.config.config.name}: lines and their texts"
    try:
        with tempfile.TemporaryDirectory(prefix="loghi-runner-") as folder:
            shown = list(_of_pages(plan.pages, Path(folder)) if plan.pages else _of_lists(plan))
            write_preview(path, choose_lines(shown), title=title, new_characters=characters)
    except OSError as error:
        raise cannot_write("the preview", error, path, path) from error


def _of_lists(plan: RunPlan) -> Iterator[PreviewLine]:
    for split, samples in plan.lists.items():
        for sample in samples[:: max(len(samples) // 200, 1)]:
            image = on_this_machine(plan.mounts, sample.image)
            try:
                with open_plain(image) as file, Image.open(file) as header:
                    aspect = header.width / header.height
            except (OSError, ValueError, SyntaxError):
                continue
            yield PreviewLine(image, normalize(sample.text, plan.job.normalization), SPLIT_WORDS[Split(split)], aspect)


def _of_pages(pages: PagesTruth, folder: Path) -> Iterator[PreviewLine]:
    by_split: dict[Split, list[SurveyedPage]] = {}
    for page in pages.survey.pages:
        if page.lines:
            by_split.setdefault(pages.split.parts[page.file.name], []).append(page)
    chosen = [page for found in by_split.values() for page in found[:_PAGES]]
    cut = cut_pages(chosen, lambda page: folder / page.file.name, cut=pages.store.cut, channels=CHANNELS)
    for page in chosen:
        words = SPLIT_WORDS[pages.split.parts[page.file.name]]
        for line in cut.lines(page):
            yield PreviewLine(line.image, line.sample.text, words, line.width_px / line.height_px)
