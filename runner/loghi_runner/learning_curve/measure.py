"""The order of a learning curve: check once, then for each share take the run that is there or train one, and judge.

The run folders are the only record of what was done: whatever ended a learning curve, the next one goes on there.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from loghi_contract.counts import pool
from loghi_contract.cut import Cut
from loghi_contract.job import DeviceKind, JobSpec, Split
from loghi_contract.lines import LineSample
from loghi_runner.config.choices import LanguageModelUse
from loghi_runner.config.load import load_config
from loghi_runner.engines.base import Wish
from loghi_runner.engines.mounts import moved_mounts
from loghi_runner.errors import RunnerError, TrainingError, UsageError
from loghi_runner.evaluation.intervals import cer_interval
from loghi_runner.evaluation.results import Results
from loghi_runner.files import file_sha256, is_folder, real_path
from loghi_runner.finetuning.data_hashes import data_sha256, image_hashes
from loghi_runner.finetuning.finetune import Checked, prepare_run, start_and_follow
from loghi_runner.finetuning.plan import RunPlan, View
from loghi_runner.finetuning.schedule import training_spec
from loghi_runner.ground_truth.collect import PagesTruth
from loghi_runner.learning_curve.curve import Curve, CurveAnswer, Point, write_curve
from loghi_runner.learning_curve.power_law import fit_power_law
from loghi_runner.learning_curve.shares import Share, nested_shares
from loghi_runner.models.find import choose_cut, find_model
from loghi_runner.recognition.line_reader import ReaderOptions, open_reader
from loghi_runner.recognition.next_pages import Candidates, NextPages, find_candidates, rank_pages
from loghi_runner.runs.find import list_runs
from loghi_runner.runs.folder import RunFolder, RunRecord, RunState, is_ours, new_run_id
from loghi_runner.runs.look import Look, follow_run, look_at
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.verdict import read_split
from loghi_runner.wording import SPLIT_WORDS, plural

_WANTED = (RunState.RUNNING, RunState.FINISHED)


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


def learning_curve(
    config_path: Path,
    overrides: Sequence[str],
    percents: Sequence[int],
    view: View,
    *,
    to_rank: Path | None = None,
    output: Path | None = None,
) -> CurveAnswer | Unfinished:
    """Train the shares that are not trained yet, fit the curve, and write its report.

    Args:
        percents: shares of the training pages, rising; the last is 100.
        to_rank: pages that the best of the models ranks.
        output: where the report goes; beside the last run's own report by default.

    Raises:
        RunnerError: nothing could be started.
    """
    candidates = None
    if to_rank:  # looked at before hours are spent on training
        candidates = find_candidates(
            to_rank, load_config(config_path, overrides).config.data.cut.cut or Cut.LOGHI, view.progress
        )
    if load_config(config_path, overrides).config.training.folds != "off":
        message = "a learning curve judges all its models on the same lines, which folds do not leave"
        hint = "Write `folds: off` under training, or add `--set training.folds=off`."
        raise UsageError("curve.folds", message, where="training.folds", hint=hint)
    with ExitStack() as lines:  # each share needs its line images until its own run names them
        ready = prepare_run(config_path, overrides, view, lines)
        curve = _measure(ready, percents, view)
    if isinstance(curve, Unfinished):
        return curve
    found = _rank_with_best(candidates, ready.plan.config.config.engine, curve, view) if candidates else None
    folder = output or RunFolder(Path(curve.points[-1].run_dir)).report_file.parent
    return CurveAnswer(curve, found, write_curve(curve, found, folder))


def _measure(ready: Checked, percents: Sequence[int], view: View) -> Curve | Unfinished:
    plan = ready.plan
    if plan.job.trials is not None:
        hint = f"Let one `finetune` choose, then write what it chose as {plan.job.trials.key}."
        raise UsageError(
            "curve.undecided", f"each share would choose for itself: {plan.job.trials.key} is auto", hint=hint
        )
    base = file_sha256(plan.base.model_file) if plan.base else None
    split = Split.TEST if plan.job.lists.test else Split.VAL
    trained: list[_Trained] = []
    for share in nested_shares(plan.lists[Split.TRAIN.value], percents, plan.job.training.seed):
        run = _of_share(plan, share)
        view.note(f"{share.percent} %: {plural(share.units, share.unit[:-1])}, {len(share.samples)} training lines")
        found = _find_same_run(run, base)
        if found is None or (found.record.state.is_over and not read_split(found.folder.out, split.value).lines):
            folder, record = start_and_follow(replace(ready, plan=run), view)
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
    # what goes by the number of lines goes by the share's
    training = training_spec(plan.config.config.training, len(share.samples))
    return replace(
        plan,
        run_id=run_id,
        run_dir=output / run_id,
        job=replace(plan.job, run_id=run_id, name=name, training=training),
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
    found = _common_results(trained, split)
    if not found:
        raise TrainingError(
            "curve.no_readings",
            f"the runs left no readings of the {SPLIT_WORDS[split]} lines, so there is nothing to judge by",
            hint="`report/skipped_lines.tsv` in the run folders tells which lines were left out, and why.",
        )
    pages = found[0].line_pages
    before = found[0].counts()[0]
    after = [results.counts()[1] for results in found]
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
        judged_pages=found[0].pages,
        chose=split is Split.VAL,
        base_cer=None if plan.job.vgsl else pool(before).cer,
        points=points,
        law=fit_power_law([point.lines for point in points], after, pages),
    )


def _common_results(trained: Sequence[_Trained], split: Split) -> list[Results]:
    """Of the lines that every run has read, in one order; none where there is no such line."""
    tables = [read_split(run.folder.out, split.value) for run in trained]
    shared = set.intersection(*(set(table.images) for table in tables))
    return [results for table in tables if (results := table.only(shared).results()) is not None]


def _find_same_run(plan: RunPlan, base_model_sha256: str | None) -> Look | None:
    """The newest run of ours with the plan's job, lines, images and base model that is finished, or still trains."""
    output = plan.config.config.output
    if not is_folder(output):
        return None
    data = data_sha256(plan.lists, image_hashes(plan.lists, plan.mounts), plan.more_texts)
    for folder in reversed(list_runs(output)):
        # the curve is written into the last run's folder
        job = folder.read_job()
        if job is None or _essence(job) != _essence(plan.job) or not is_ours(folder):
            continue
        try:
            look = look_at(folder)
        except RunnerError:
            continue  # its record is damaged: it cannot be relied on
        record = look.record
        same = record.base_model_sha256 == base_model_sha256 and record.data_sha256 == data
        if same and record.state in _WANTED and look.remark is None:
            return look
    return None


def _essence(job: JobSpec) -> JobSpec:
    """The job without what makes no other model."""
    return replace(job, run_id="", device=DeviceKind.CPU)


def _rank_with_best(candidates: Candidates, engine: Wish, curve: Curve, view: View) -> NextPages:
    """Rank the pages with the model that has the lowest CER, on the engine that trained it."""
    model = find_model(min(curve.points, key=lambda point: point.cer).run_dir)
    candidates = replace(candidates, cut=choose_cut(model, None, view.note))
    by_image = ReaderOptions(engine, language_model=LanguageModelUse.OFF)
    return rank_pages(open_reader(model.folder, by_image), candidates, view.progress, view.note)
