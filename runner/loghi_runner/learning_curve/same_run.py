"""A run that did exactly what a plan wants, so that it is not done twice."""

from dataclasses import replace

from loghi_contract.job import DeviceKind, JobSpec, load_job
from loghi_contract.lines import format_line_list
from loghi_contract.places import DATA_DIR
from loghi_runner.errors import RunnerError
from loghi_runner.files import is_folder
from loghi_runner.plan import RunPlan
from loghi_runner.rundir import RunFolder, RunState
from loghi_runner.runs import Look, list_runs, look_at

_WANTED = (RunState.RUNNING, RunState.FINISHED)


def find_same_run(plan: RunPlan, base_model_sha256: str | None) -> Look | None:
    """The newest run with the plan's job, lists, images and base model that is finished, or still trains.

    The run folders are the only record of what was done: whatever ended a learning curve, the next one goes on there.
    """
    output = plan.config.config.output
    if not is_folder(output):
        return None
    for folder in reversed(list_runs(output)):
        if not _has_same_job(folder, plan):
            continue
        try:
            look = look_at(folder)
        except RunnerError:
            continue  # its record is damaged: it cannot be relied on
        record = look.record
        sources = tuple(str(mount.source) for mount in plan.mounts if mount.target.is_relative_to(DATA_DIR))
        same_data = record.base_model_sha256 == base_model_sha256 and record.data_folders == sources
        if same_data and record.state in _WANTED and look.remark is None:
            return look
    return None


def _has_same_job(folder: RunFolder, plan: RunPlan) -> bool:
    try:
        job = load_job((folder.job_dir / "job.json").read_text(encoding="utf-8"))
        if not isinstance(job, JobSpec) or _essence(job) != _essence(plan.job):
            return False
        return all(
            (folder.job_dir / "lists" / f"{split}.txt").read_bytes() == format_line_list(samples).encode()
            for split, samples in plan.lists.items()
        )
    except (OSError, ValueError):
        return False


def _essence(job: JobSpec) -> JobSpec:
    """The job without what makes no other model."""
    return replace(job, run_id="", device=DeviceKind.CPU)
