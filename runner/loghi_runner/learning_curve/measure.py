"""The order of a learning curve: check once, then for each share take the run that is there or train one, and judge."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from loghi_contract.counts import pool
from loghi_contract.job import Split
from loghi_contract.lines import LineSample
from loghi_runner.engines.base import Engine, Setting
from loghi_runner.engines.mounts import moved_mounts
from loghi_runner.errors import TrainingError
from loghi_runner.evaluation.intervals import cer_interval
from loghi_runner.files import file_sha256, real_path
from loghi_runner.finetuning.finetune import View, prepare_run, start_and_follow
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.ground_truth.from_pages import PagesTruth
from loghi_runner.learning_curve.curve import Curve, Point
from loghi_runner.learning_curve.power_law import fit_power_law
from loghi_runner.learning_curve.same_run import find_same_run
from loghi_runner.learning_curve.shares import Share, nested_shares
from loghi_runner.runs.line_tables import TableLine, count_lines, read_line_table
from loghi_runner.runs.look import Look, look_at
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.rundir import RunFolder, RunRecord, RunState, new_run_id
from loghi_runner.runs.runs import follow_run
from loghi_runner.wording import SPLIT_WORDS, plural


@dataclass(frozen=True)
class Unfinished:
    """The run that came to no good end, or goes on without us; `done` shares of `all` are trained."""

    folder: RunFolder
    record: RunRecord
    done: int
    all: int


@dataclass(frozen=True)
class _Trained:
    share: Share
    folder: RunFolder
    record: RunRecord
    again: bool


def measure_curve(
    config_path: Path, overrides: Sequence[str], percents: Sequence[int], view: View
) -> Curve | Unfinished:
    """Train the shares that are not trained yet, and fit the curve.

    Args:
        percents: shares of the training pages, rising; the last is 100.

    Raises:
        RunnerError: nothing could be started.
    """
    with ExitStack() as lines:  # each share needs its line images until its own run names them
        plan, engine, setting = prepare_run(config_path, overrides, view, lines)
        return _measure(plan, engine, setting, percents, view)


def _measure(
    plan: RunPlan, engine: Engine, setting: Setting, percents: Sequence[int], view: View
) -> Curve | Unfinished:
    base = file_sha256(plan.base.model_file) if plan.base else None
    split = Split.TEST if plan.job.lists.test else Split.VAL
    trained: list[_Trained] = []
    for share in nested_shares(plan.lists[Split.TRAIN.value], percents, plan.job.training.seed):
        run = _of_share(plan, share)
        view.note(f"{share.percent} %: {plural(share.units, share.unit[:-1])}, {len(share.samples)} training lines")
        found = find_same_run(run, base)
        if found is None or (found.record.state.is_over and not read_line_table(found.folder.out, split.value)):
            folder, record = start_and_follow(run, engine, setting, view)
        else:
            folder, record = _take(found, view)
        if record.state is not RunState.FINISHED:
            return Unfinished(folder, record, len(trained), len(percents))
        trained.append(_Trained(share, folder, record, again=found is not None))
    return _curve(plan, split, trained)


def _of_share(plan: RunPlan, share: Share) -> RunPlan:
    """The run of one share: an ordinary run, but for its training lines and, below 100 %, its name."""
    run_id = new_run_id()
    name = plan.job.name if share.percent == 100 else f"{plan.job.name}_{share.percent}"
    output = plan.config.config.output
    lists = plan.lists | {Split.TRAIN.value: share.samples}
    return replace(
        plan,
        run_id=run_id,
        run_dir=output / run_id,
        job=replace(plan.job, run_id=run_id, name=name),
        lists=lists,
        mounts=moved_mounts(plan.mounts, real_path(output) / run_id),
        pages=_used(plan.pages, lists) if plan.pages else None,
    )


def _used(pages: PagesTruth, lists: dict[str, tuple[LineSample, ...]]) -> PagesTruth:
    """Only pages that a line comes from: the run's split.tsv names no others."""
    folders = {PurePosixPath(sample.image).parent.name for samples in lists.values() for sample in samples}
    used = tuple(page for page in pages.survey.pages if pages.store.page_folder(page).name in folders)
    return replace(pages, survey=replace(pages.survey, pages=used))


def _take(found: Look, view: View) -> tuple[RunFolder, RunRecord]:
    """A run that is there already, followed to its end if it still trains."""
    folder = found.folder
    if found.record.state.is_over:
        view.note(f"run {folder.path.name} did exactly this; its result is used")
        return folder, found.record
    view.note(f"run {folder.path.name} does exactly this and still trains; Ctrl+C leaves it alone")
    progress = Progress(found.record.epochs)
    view.begin(folder, progress)
    try:
        for line, event in follow_run(folder):
            progress.add(event)
            view.event(line, event)
    finally:
        view.end()
    return folder, look_at(folder).record


def _curve(plan: RunPlan, split: Split, trained: Sequence[_Trained]) -> Curve:
    tables = [read_line_table(run.folder.out, split.value) for run in trained]
    lines = _common(tables)
    counts = [count_lines(table) for table in lines]
    after = [each.after for each in counts]
    if not after[0]:
        raise TrainingError(
            "curve.no_readings",
            f"the runs left no readings of the {SPLIT_WORDS[split]} lines, so there is nothing to judge by",
            hint="`report/skipped_lines.tsv` in the run folders tells which lines were left out, and why.",
        )
    pages = counts[0].pages
    points = tuple(
        Point(
            percent=run.share.percent,
            units=run.share.units,
            lines=len(run.share.samples),
            cer=pool(read).cer,
            interval=cer_interval(read, pages),
            best_epoch=run.record.best_epoch,
            run_id=run.record.run_id,
            run_dir=str(run.folder.path),
            again=run.again,
        )
        for run, read in zip(trained, after, strict=True)
    )
    return Curve(
        name=plan.job.name,
        unit=trained[-1].share.unit,
        judged=f"{SPLIT_WORDS[split]} lines",
        judged_count=len(pages),
        judged_pages=len(set(pages)),
        chose=split is Split.VAL,
        base_cer=None if plan.job.vgsl else pool(counts[0].before).cer,
        points=points,
        law=fit_power_law([point.lines for point in points], after, pages),
    )


def _common(tables: Sequence[tuple[TableLine, ...]]) -> list[list[TableLine]]:
    """The lines that every run has read, in one order."""
    shared = set.intersection(*({line.image for line in table} for table in tables))
    return [[line for line in table if line.image in shared] for table in tables]
