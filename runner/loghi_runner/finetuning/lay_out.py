"""A new run's folder: everything that the trainer reads, whole or not there."""

import contextlib
import shutil
from pathlib import Path

from loghi_contract.job import dump_job
from loghi_contract.lines import format_line_list
from loghi_runner.files import as_utf8, is_there
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.ground_truth.split import format_split
from loghi_runner.locks import NoLocks, locked
from loghi_runner.runs.rundir import HALF_MADE_PREFIX, RECORD_FILE, RunFolder, RunRecord, cannot_write_run
from loghi_runner.skipped_table import format_skipped


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
