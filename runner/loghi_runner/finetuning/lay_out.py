"""What a run needs before it is started: its lines cut out of their pages, its record, its folder."""

import contextlib
import hashlib
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from loghi_contract.job import Split, dump_job
from loghi_contract.lines import LineSample, SkippedLine, format_line_list, format_skipped
from loghi_contract.places import BASE_MODEL_DIR, DATA_DIR, MORE_TEXTS_FILE
from loghi_runner.cutting.cut import CHANNELS
from loghi_runner.engines.base import Engine, Setting
from loghi_runner.errors import DataError
from loghi_runner.files import as_utf8, cannot_write, file_sha256, is_there
from loghi_runner.finetuning.data_hashes import data_sha256, format_hashes
from loghi_runner.finetuning.plan import RunPlan, View
from loghi_runner.ground_truth.collect import PagesTruth
from loghi_runner.ground_truth.cut_pages import CutPages, cut_pages
from loghi_runner.ground_truth.line_store import lines_in_use
from loghi_runner.ground_truth.split import format_split, write_split
from loghi_runner.locks import FileLock, NoLocks, Timeout, locked, take
from loghi_runner.runs.folder import HALF_MADE_PREFIX, RECORD_FILE, RunFolder, RunRecord, cannot_write_run
from loghi_runner.runs.run_trainer import new_record
from loghi_runner.wording import SPLIT_WORDS


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
            message = f"no {SPLIT_WORDS[split]} line could be cut out of its page: {reasons}"
            hint = "`loghi-runner prepare` shows what can be cut."
            raise DataError("data.nothing_cut", message, where="data.pages", hint=hint)
    return replace(plan, lists=lists, skipped=(*plan.skipped, *skipped))


def first_record(plan: RunPlan, engine: Engine, setting: Setting, images: Mapping[str, str]) -> RunRecord:
    """The run's record before it is started.

    Args:
        images: the line images' hashes, as of `image_hashes`.
    """
    pages, again = plan.pages, plan.again
    prepared = again.prepared if again else ()
    if pages:
        prepared = tuple(pages.store.page_folder(page).name for page in pages.survey.pages)
    base = [mount.source for mount in plan.mounts if mount.target == BASE_MODEL_DIR]
    return replace(
        new_record(plan.run_id, plan.job.name, engine, setting),
        config_sha256=hashlib.sha256(plan.config.text.encode()).hexdigest(),
        overrides=plan.config.overrides,
        epochs=plan.job.training.epochs,
        prepared=prepared,
        base_model_sha256=file_sha256(plan.base.model_file) if plan.base else None,
        base_model_folder=str(base[0]) if base else None,
        data_sha256=data_sha256(plan.lists, images),
        data_folders=tuple(str(mount.source) for mount in plan.mounts if mount.target.is_relative_to(DATA_DIR)),
        reproduces=again.run_id if again else None,
    )


def create_run_folder(plan: RunPlan, record: RunRecord, images: Mapping[str, str]) -> RunFolder:
    """Make the plan's run folder with everything the trainer reads; it has its name once it is whole.

    Args:
        images: the line images' hashes, as of `image_hashes`.

    Raises:
        EngineError: the disk does not take it.
    """
    folder = RunFolder(plan.run_dir)
    half_made = folder.path.with_name(HALF_MADE_PREFIX + folder.path.name)
    try:
        half_made.mkdir(parents=True)
        with contextlib.ExitStack() as held:
            # `clean` takes what nobody holds for what was left by somebody who was killed
            with contextlib.suppress(NoLocks):
                held.enter_context(locked(half_made, shared=True))
            _fill(RunFolder(half_made), plan, record, images)
        # no longer held: there are file systems that rename no folder that is open. `clean` takes none that is new
        _give_name(half_made, folder.path)
    except OSError as error:
        shutil.rmtree(half_made, ignore_errors=True)
        raise cannot_write_run(error, folder.path) from error
    return folder


def _sorted_out(
    plan: RunPlan, pages: PagesTruth, cut: CutPages
) -> tuple[dict[str, tuple[LineSample, ...]], list[tuple[str, SkippedLine]]]:
    """Lists of the lines that have an image now; and the others, each with its split and why it has none."""
    lost: dict[tuple[str, ...], SkippedLine] = {
        (pages.store.page_folder(page).name, line.image): line
        for page in pages.survey.pages
        for line in cut.not_cut(page)
    }
    lists: dict[str, tuple[LineSample, ...]] = {}
    skipped: list[tuple[str, SkippedLine]] = []
    for split, samples in plan.lists.items():
        found = [(sample, lost.get(PurePosixPath(sample.image).parts[-2:])) for sample in samples]
        lists[split] = tuple(sample for sample, line in found if line is None)
        skipped += [(split, line) for _sample, line in found if line is not None]
    return lists, skipped


def _give_name(half_made: Path, path: Path) -> None:
    """Let it be whole or not there: nobody ever sees a run without its record."""
    try:
        half_made.rename(path)
    except OSError:
        if is_there(path):
            raise
        # a file system that renames no folders: the record first, it says that we are at it
        path.mkdir()
        (half_made / RECORD_FILE).replace(path / RECORD_FILE)
        shutil.copytree(half_made, path, copy_function=shutil.copyfile, dirs_exist_ok=True)
        shutil.rmtree(half_made)


def _fill(folder: RunFolder, plan: RunPlan, record: RunRecord, images: Mapping[str, str]) -> None:
    lists = folder.job_dir / "lists"
    lists.mkdir(parents=True)
    folder.skipped_file.parent.mkdir(parents=True)
    _write(folder.config_file, plan.config.text)
    _write(folder.job_dir / "job.json", dump_job(plan.job))
    for split, samples in plan.lists.items():
        _write(lists / f"{split}.txt", format_line_list(samples))
    if plan.more_texts:
        _write(lists / MORE_TEXTS_FILE.name, "".join(f"{text}\n" for text in plan.more_texts))
    _write(folder.images_file, format_hashes(images))
    _write(folder.skipped_file, format_skipped(plan.skipped))
    if plan.again is not None and plan.again.split is not None:
        _write(folder.split_file, plan.again.split)
    if plan.pages is not None:
        parts = plan.pages.split.parts
        if plan.job.folds:  # which learn what would be set aside
            parts = {page: Split.TRAIN if split is Split.VAL else split for page, split in parts.items()}
        _write(folder.split_file, format_split(plan.pages.survey.pages, parts))
    folder.write(record)


def _write(path: Path, text: str) -> None:
    # as bytes: the user's config is kept as it is, and a line list has no carriage returns to add
    path.write_bytes(as_utf8(text))
