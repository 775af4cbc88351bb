"""The lines of a run cut out of their pages, after all checks and before anything is started."""

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from loghi_contract.job import Split
from loghi_contract.lines import LineSample, SkippedLine
from loghi_runner.cutting.cut import CHANNELS
from loghi_runner.errors import DataError
from loghi_runner.files import cannot_write
from loghi_runner.finetuning.plan import RunPlan, View
from loghi_runner.ground_truth.collect import PagesTruth
from loghi_runner.ground_truth.cut_pages import CutPages, cut_pages
from loghi_runner.ground_truth.line_store import lines_in_use
from loghi_runner.ground_truth.split import write_split
from loghi_runner.locks import FileLock, Timeout, take
from loghi_runner.wording import SPLIT_WORDS

#: How a line that is left out is told: split and line.
_Skipped = list[tuple[str, SkippedLine]]


def cut_lines(plan: RunPlan, view: View, held: ExitStack) -> RunPlan:
    """The plan with the lines that could be cut out of their pages; a plan of line lists is as it was.

    Args:
        held: until it is closed nobody removes the line images; then a run.json has to name them.

    Raises:
        DataError: no training or no validation line could be cut.
        EngineError: the output folder cannot be written.
    """
    if plan.pages is None:
        return plan
    held.enter_context(lines_in_use(plan.config.config.output))
    store, survey = plan.pages.store, plan.pages.survey
    pages = [page for page in survey.pages if page.lines]
    try:
        store.lines.mkdir(parents=True, exist_ok=True)
        lock = FileLock(store.lines.parent / "lock")
        try:
            take(lock, timeout_s=0)
        except Timeout:
            view.note("waiting for another run that cuts pages into the same output folder")
            take(lock)
        try:
            on_page = partial(view.progress, "cutting pages")
            cut = cut_pages(pages, store.page_folder, cut=store.cut, channels=CHANNELS, on_page=on_page)
            write_split(plan.pages.split_file, survey.pages, plan.pages.split.parts)
        finally:
            lock.release()
    except OSError as error:
        hint = "Name another `output` in the config, or free space there."
        raise cannot_write("the line images", error, store.lines, error.filename or store.lines, hint) from error
    lists, skipped = _sorted_out(plan, plan.pages, cut)
    for split in (Split.TRAIN, Split.VAL):
        if not lists.get(split.value):
            reasons = "; ".join([*cut.failed.values()][:3]) or "skipped lines tell why"
            raise DataError(
                "data.nothing_cut",
                f"no {SPLIT_WORDS[split]} line could be cut out of its page: {reasons}",
                where="data.pages",
                hint="`loghi-runner prepare` shows what can be cut.",
            )
    return replace(plan, lists=lists, skipped=(*plan.skipped, *skipped))


def _sorted_out(plan: RunPlan, pages: PagesTruth, cut: CutPages) -> tuple[dict[str, tuple[LineSample, ...]], _Skipped]:
    """Lists of the lines that have an image now, and why the others have none."""
    lost: dict[tuple[str, ...], SkippedLine] = {
        (pages.store.page_folder(page).name, line.image): line
        for page in pages.survey.pages
        for line in cut.not_cut(page)
    }
    lists: dict[str, tuple[LineSample, ...]] = {}
    skipped: _Skipped = []
    for split, samples in plan.lists.items():
        found = [(sample, lost.get(PurePosixPath(sample.image).parts[-2:])) for sample in samples]
        lists[split] = tuple(sample for sample, line in found if line is None)
        skipped += [(split, line) for _sample, line in found if line is not None]
    return lists, skipped
