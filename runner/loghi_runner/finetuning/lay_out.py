"""What a run needs before it is started: its lines cut out of their pages, its record, its folder."""

import contextlib
import hashlib
import shutil
from collections.abc import Mapping, Sequence
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
from loghi_runner.finetuning.data_hashes import data_sha256, format_hashes, format_texts
from loghi_runner.finetuning.plan import RunPlan, View
from loghi_runner.ground_truth.cut_pages import CutPages, cut_pages
from loghi_runner.ground_truth.line_store import LineStore, lines_in_use
from loghi_runner.ground_truth.lists import SPLIT_KEYS
from loghi_runner.ground_truth.split import format_split, write_split
from loghi_runner.ground_truth.survey import SurveyedPage
from loghi_runner.locks import FileLock, NoLocks, Timeout, locked, take
from loghi_runner.runs.folder import HALF_MADE_PREFIX, RECORD_FILE, RunFolder, RunRecord, cannot_write_run
from loghi_runner.runs.run_trainer import new_record
from loghi_runner.wording import SPLIT_WORDS


def cut_lines(plan: RunPlan, view: View, held: ExitStack) -> RunPlan:
    """The plan with the lines that could be cut out of their pages; a plan of line lists is as it was.

    Args:
        held: until it is closed nobody removes the line images; then a run.json has to name them.

    Raises:
        DataError: no training or no validation line could be cut, or none of the old hand.
        EngineError: the output folder cannot be written.
    """
    if not plan.sources:
        return plan
    held.enter_context(lines_in_use(plan.config.config.output))
    lines = plan.sources[0][0].lines
    lists, failed = plan.lists, dict[str, str]()
    skipped: dict[tuple[str, str], SkippedLine] = {}
    try:
        lines.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lines.parent / "lock")
        try:
            take(lock, timeout_s=0)
        except Timeout:
            view.note("waiting for another run that cuts pages into the same output folder")
            take(lock)
        try:
            cuts = {store.cut for store, _pages in plan.sources}
            # each by itself: pages of two sources may have one name
            for store, pages in plan.sources:
                doing = "cutting pages" if len(cuts) == 1 else f"cutting pages ({store.cut.value})"
                on_page = partial(view.progress, doing)
                cut = cut_pages(pages, store.page_folder, cut=store.cut, channels=CHANNELS, on_page=on_page)
                lists, lost = _sorted_out(lists, store, pages, cut)
                # told once, whatever number of ways cannot cut it
                skipped = lost | skipped
                failed |= cut.failed
            for truth in (plan.pages, plan.old_pages):
                if truth is not None and truth.split_file is not None:
                    write_split(truth.split_file, truth.survey.pages, truth.split.parts)
        finally:
            lock.release()
    except OSError as error:
        hint = "Name another `output` in the config, or free space there."
        raise cannot_write("the line images", error, lines, error.filename or lines, hint) from error
    for split in (Split.TRAIN, Split.VAL, *((Split.OLD_HAND,) if plan.job.old_hand else ())):
        if not lists.get(split.value):
            reasons = "; ".join([*failed.values()][:3]) or "skipped lines tell why"
            message = f"no {SPLIT_WORDS[split]} line could be cut out of its page: {reasons}"
            hint = "`loghi-runner prepare` shows what can be cut."
            where = SPLIT_KEYS[split] if split is Split.OLD_HAND else "data.pages"
            raise DataError("data.nothing_cut", message, where=where, hint=hint)
    if not lists.get(Split.UNREAD.value, ("none was wanted",)):
        view.note("no unread line could be cut out of its page: nothing is learnt from them")
        del lists[Split.UNREAD.value]
        plan = replace(plan, job=replace(plan.job, self_training=None))
    not_cut = ((split, line) for (split, _image), line in skipped.items())
    return replace(plan, lists=lists, skipped=(*plan.skipped, *not_cut))


def first_record(plan: RunPlan, engine: Engine, setting: Setting, images: Mapping[str, str]) -> RunRecord:
    """The run's record before it is started.

    Args:
        images: the line images' hashes, as of `image_hashes`.
    """
    again = plan.again
    prepared = again.prepared if again else ()
    if plan.sources:
        prepared = tuple(store.page_folder(page).name for store, pages in plan.sources for page in pages)
    base = [mount.source for mount in plan.mounts if mount.target == BASE_MODEL_DIR]
    return replace(
        new_record(plan.run_id, plan.job.name, engine, setting),
        config_sha256=hashlib.sha256(plan.config.text.encode()).hexdigest(),
        overrides=plan.config.overrides,
        epochs=plan.job.epochs,
        prepared=prepared,
        base_model_sha256=file_sha256(plan.base.model_file) if plan.base else None,
        base_model_folder=str(base[0]) if base else None,
        data_sha256=data_sha256(plan.lists, images, plan.more_texts),
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
    given: Mapping[str, tuple[LineSample, ...]], store: LineStore, pages: Sequence[SurveyedPage], cut: CutPages
) -> tuple[dict[str, tuple[LineSample, ...]], dict[tuple[str, str], SkippedLine]]:
    """Lists of the lines that have an image now; and why others have none, by their split and image.

    A line is told once, whatever number of ways cannot cut it.
    """
    lost: dict[tuple[str, ...], SkippedLine] = {
        (store.page_folder(page).name, line.image): line for page in pages for line in cut.not_cut(page)
    }
    lists: dict[str, tuple[LineSample, ...]] = {}
    skipped: dict[tuple[str, str], SkippedLine] = {}
    for name, samples in given.items():
        found = [(sample, lost.get(PurePosixPath(sample.image).parts[-2:])) for sample in samples]
        lists[name] = tuple(sample for sample, line in found if line is None)
        split = name.rpartition("/")[2]
        for _sample, line in found:
            if line is not None:
                skipped.setdefault((split, line.image), line)
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
    _write(folder.job_file, dump_job(plan.job))
    for split, samples in plan.lists.items():
        file = folder.list_file(split)
        file.parent.mkdir(exist_ok=True)
        _write(file, format_line_list(samples))
    if plan.more_texts:
        (lists / MORE_TEXTS_FILE.name).write_bytes(format_texts(plan.more_texts))
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
