"""A new run: what its record says, its folder with everything that the trainer reads, and how it is started."""

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from loghi_contract.job import dump_job
from loghi_contract.lines import LineSample, format_line_list, format_skipped
from loghi_contract.places import DATA_DIR
from loghi_runner.engines.base import Engine, Mount, Setting
from loghi_runner.engines.mounts import on_this_machine
from loghi_runner.engines.setting import settle_again
from loghi_runner.files import as_utf8, file_sha256, is_there
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.ground_truth.split import format_split
from loghi_runner.locks import NoLocks, locked
from loghi_runner.runs.folder import (
    HALF_MADE_PREFIX,
    RECORD_FILE,
    RunFolder,
    RunRecord,
    cannot_write_run,
    config_sha256,
)
from loghi_runner.runs.run_trainer import new_record


def settle_now(engine: Engine, planned: Setting, note: Callable[[str], None]) -> Setting:
    """What the run uses as things are now: others start runs, too, while pages are cut.

    Raises:
        RunnerError: its card was taken meanwhile, or what else was planned.
    """
    setting = settle_again(engine, planned)
    if setting.device.uuids != planned.device.uuids:
        note(f"the planned card was taken meanwhile; instead: {setting.device.sentence}")
    return setting


def first_record(plan: RunPlan, engine: Engine, setting: Setting) -> RunRecord:
    """The run's record before it is started."""
    return replace(
        new_record(plan.run_id, plan.job.name, engine, setting),
        config_sha256=config_sha256(plan.config.text),
        overrides=plan.config.overrides,
        epochs=plan.job.training.epochs,
        prepared=tuple(plan.pages.store.page_folder(page).name for page in plan.pages.survey.pages)
        if plan.pages
        else (),
        base_model_sha256=file_sha256(plan.base.model_file) if plan.base else None,
        data_sha256=data_sha256(plan.lists, plan.mounts),
        data_folders=tuple(str(mount.source) for mount in plan.mounts if mount.target.is_relative_to(DATA_DIR)),
    )


def create_run_folder(plan: RunPlan, record: RunRecord) -> RunFolder:
    """Make the plan's run folder with everything the trainer reads; it has its name once it is whole.

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
            _fill(RunFolder(half_made), plan, record)
        # no longer held: there are file systems that rename no folder that is open. `clean` takes none that is new
        _give_name(half_made, folder.path)
    except OSError as error:
        shutil.rmtree(half_made, ignore_errors=True)
        raise cannot_write_run(error, folder.path) from error
    return folder


def data_sha256(lists: Mapping[str, Sequence[LineSample]], mounts: Sequence[Mount]) -> dict[str, str]:
    """The hash of each split: over the content of each image with its weight and text, in the order of the lines.

    A split with an image that cannot be read has none.

    Args:
        lists: with container paths, which `mounts` leads to files.
    """
    found = {}
    for split, samples in lists.items():
        total = hashlib.sha256()
        try:
            for sample in samples:
                content = file_sha256(on_this_machine(mounts, sample.image))
                total.update(f"{content}\t{sample.weight}\t{sample.text}\n".encode("utf-8", "surrogateescape"))
        except OSError:
            continue
        found[split] = total.hexdigest()
    return found


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


def _fill(folder: RunFolder, plan: RunPlan, record: RunRecord) -> None:
    lists = folder.job_dir / "lists"
    lists.mkdir(parents=True)
    folder.skipped_file.parent.mkdir(parents=True)
    _write(folder.config_file, plan.config.text)
    _write(folder.job_dir / "job.json", dump_job(plan.job))
    for split, samples in plan.lists.items():
        _write(lists / f"{split}.txt", format_line_list(samples))
    _write(folder.skipped_file, format_skipped(plan.skipped))
    if plan.pages is not None:
        _write(folder.split_file, format_split(plan.pages.survey.pages, plan.pages.split.parts))
    folder.write(record)


def _write(path: Path, text: str) -> None:
    # as bytes: the user's config is kept as it is, and a line list has no carriage returns to add
    path.write_bytes(as_utf8(text))
