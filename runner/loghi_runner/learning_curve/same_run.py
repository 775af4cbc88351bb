"""A run that did exactly what a plan wants, so that it is not done twice."""

from dataclasses import replace

from loghi_contract.job import DeviceKind, JobSpec
from loghi_runner.errors import RunnerError
from loghi_runner.files import is_folder
from loghi_runner.finetuning.lay_out import data_sha256
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.runs.find import list_runs
from loghi_runner.runs.folder import RunFolder, RunState
from loghi_runner.runs.look import Look, look_at
from loghi_runner.runs.owner import is_ours

_WANTED = (RunState.RUNNING, RunState.FINISHED)


def find_same_run(plan: RunPlan, base_model_sha256: str | None) -> Look | None:
    """The newest run of ours with the plan's job, lines, images and base model that is finished, or still trains.

    The run folders are the only record of what was done: whatever ended a learning curve, the next one goes on there.
    """
    output = plan.config.config.output
    if not is_folder(output):
        return None
    data = data_sha256(plan.lists, plan.mounts)
    for folder in reversed(list_runs(output)):
        # the curve is written into the last run's folder
        if not _has_same_job(folder, plan.job) or not is_ours(folder):
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


def _has_same_job(folder: RunFolder, wanted: JobSpec) -> bool:
    job = folder.read_job()
    return job is not None and _essence(job) == _essence(wanted)


def _essence(job: JobSpec) -> JobSpec:
    """The job without what makes no other model."""
    return replace(job, run_id="", device=DeviceKind.CPU)
