"""The order of one run: check, prepare, start, follow, conclude."""

import os
import platform
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from loghi_contract import CONTRACT, __version__
from loghi_contract.events import Device, Event, Started
from loghi_contract.job import DeviceKind
from loghi_contract.places import DATA_DIR
from loghi_runner.clock import utc_now
from loghi_runner.config.load import LoadedConfig, load_config
from loghi_runner.engines.base import Engine, Setting
from loghi_runner.engines.image import BASE_DIGEST_LABEL
from loghi_runner.engines.processes import machine_name, name_process
from loghi_runner.engines.setting import settle, settle_again
from loghi_runner.errors import ERROR_CLASSES, EngineError, RunnerError
from loghi_runner.files import file_sha256
from loghi_runner.findings import Finding, finding_of
from loghi_runner.finetuning.data_hashes import data_sha256
from loghi_runner.finetuning.lay_out import create_run_folder
from loghi_runner.finetuning.line_cutting import cut_for_run
from loghi_runner.finetuning.plan import RunPlan, make_plan
from loghi_runner.finetuning.speeds import remember
from loghi_runner.ground_truth.line_store import lines_in_use
from loghi_runner.runs.finish import finish_run
from loghi_runner.runs.follow import EventReader, follow
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.rundir import (
    Host,
    RunFailure,
    RunFolder,
    RunRecord,
    RunState,
    cannot_write_run,
    config_sha256,
    new_run_id,
)
from loghi_runner.runs.signals import Detached, StopWishes
from loghi_runner.runs.watch import Watch

_CUTTING = "cutting pages"


class View(Protocol):
    """How a run is shown; the only thing this module tells anybody."""

    def progress(self, doing: str, done: int, total: int) -> None:
        """So much of something before the start is done, such as `cutting pages`."""

    def plan(self, plan: RunPlan, setting: Setting) -> None:
        """What will be done, with all findings; before anything is done."""

    def begin(self, folder: RunFolder, progress: Progress) -> None:
        """The trainer was started."""

    def event(self, line: bytes, event: Event) -> None:
        """One event, already added to the progress."""

    def note(self, sentence: str) -> None:
        """Something the host did meanwhile."""

    def end(self) -> None:
        """Nothing more will come; may be called after `abandon`."""

    def abandon(self) -> None:
        """The terminal is gone: write nothing to it any more."""


@dataclass(frozen=True)
class Checked:
    """What a run would be; with an `engine_error` in the setting, or errors in the plan, it could not be started."""

    plan: RunPlan
    engine: Engine
    setting: Setting

    def require_ready(self) -> None:
        """Raise the RunnerError for which the run could not be started, if there is any."""
        if self.plan.errors:
            raise _plan_error(self.plan.errors)
        self.setting.require_usable()


def check_run(config_path: Path, overrides: Sequence[str], view: View) -> Checked:
    """Decide what a run would do, and touch nothing.

    Raises:
        UsageError: the config cannot be used.
    """
    loaded = load_config(config_path, overrides)
    # an error of the engine is shown with the plan: the lines can be looked at before the machine is ready
    engine, setting = settle(loaded.config.engine)
    plan = _plan(loaded, setting, view)
    error = setting.engine_error
    if error is not None and plan.errors:
        # with errors in the plan the command ends with those: this one must not wait until they are solved
        plan = replace(plan, findings=(finding_of(error), *plan.findings))
    return Checked(plan, engine, setting)


def show_plan(config_path: Path, overrides: Sequence[str], view: View) -> None:
    """Show the plan of a run and touch nothing.

    Raises:
        RunnerError: the run could not be started like this.
    """
    checked = check_run(config_path, overrides, view)
    view.plan(checked.plan, checked.setting)
    checked.require_ready()


def finetune(config_path: Path, overrides: Sequence[str], view: View) -> tuple[RunFolder, RunRecord]:
    """Fine-tune as the config says, and return how it ended.

    The record's state is `running` when the terminal was closed: the trainer goes on without us then.

    Raises:
        RunnerError: nothing was started.
    """
    with ExitStack() as lines:
        return start_and_follow(*prepare_run(config_path, overrides, view, lines), view, begun=lines.close)


def prepare_run(
    config_path: Path, overrides: Sequence[str], view: View, lines: ExitStack
) -> tuple[RunPlan, Engine, Setting]:
    """Decide a run, show it, and cut its lines: all that comes before it is started.

    Args:
        lines: until it is closed nobody removes the line images; then a run.json has to name them.

    Raises:
        RunnerError: it cannot be started.
    """
    loaded = load_config(config_path, overrides)
    engine, setting = settle(loaded.config.engine)
    setting.require_usable()
    plan = _plan(loaded, setting, view)
    view.plan(plan, setting)
    if plan.errors:
        raise _plan_error(plan.errors)
    return cut_lines(plan, view, lines), engine, setting


def cut_lines(plan: RunPlan, view: View, lines: ExitStack) -> RunPlan:
    """The plan with its lines cut out of their pages, if they come from pages; `lines` as for `prepare_run`."""
    if plan.pages is not None:
        lines.enter_context(lines_in_use(plan.config.config.output))
    return cut_for_run(plan, partial(view.progress, _CUTTING), view.note)


def start_and_follow(
    plan: RunPlan, engine: Engine, setting: Setting, view: View, begun: Callable[[], None] = lambda: None
) -> tuple[RunFolder, RunRecord]:
    """Start a run whose lines are cut, and follow it to its end; `begun` is called once its run.json is there.

    Raises:
        EngineError: it could not be started, or its card was taken meanwhile.
    """
    now = settle_again(engine, setting)
    if now.device.uuids != setting.device.uuids:
        view.note(f"the planned card was taken meanwhile; instead: {now.device.sentence}")
    record = _first_record(plan, engine, now)
    with StopWishes() as wishes:
        folder = create_run_folder(plan, record)
        begun()
        return folder, _run(plan, record, folder, engine, now, view, wishes)


def _plan_error(errors: Sequence[Finding]) -> RunnerError:
    """One error for all findings, which the view has shown; the most fundamental of them gives the exit code."""
    count = "one problem" if len(errors) == 1 else f"{len(errors)} problems"
    kind = ERROR_CLASSES[min(finding.exit_code for finding in errors)]
    return kind("plan.errors", f"{count} to solve first; nothing was started")


def _plan(loaded: LoadedConfig, setting: Setting, view: View) -> RunPlan:
    device, found = setting.device.kind, setting.findings
    return make_plan(loaded, run_id=new_run_id(), device=device, found=found, on_progress=view.progress)


def _first_record(plan: RunPlan, engine: Engine, setting: Setting) -> RunRecord:
    choice, image = setting.device, setting.image
    return RunRecord(
        run_id=plan.run_id,
        name=plan.job.name,
        state=RunState.PREPARED,
        created=utc_now(),
        versions={"loghi-runner": __version__, "contract": str(CONTRACT), "python": platform.python_version()},
        engine=engine.name,
        device=choice.kind.value,
        gpus=choice.uuids,
        config_sha256=config_sha256(plan.config.text),
        image=image.name if image else None,
        image_digest=image.digest if image else None,
        base_image_digest=(image.labels.get(BASE_DIGEST_LABEL) or None) if image else None,
        host=Host(machine_name(), name_process(os.getpid())),
        overrides=plan.config.overrides,
        epochs=plan.job.training.epochs,
        prepared=tuple(plan.pages.store.page_folder(page).name for page in plan.pages.survey.pages)
        if plan.pages
        else (),
        base_model_sha256=file_sha256(plan.base.model_file) if plan.base else None,
        data_sha256=data_sha256(plan.lists, plan.mounts),
        data_folders=tuple(str(mount.source) for mount in plan.mounts if mount.target.is_relative_to(DATA_DIR)),
    )


def _run(
    plan: RunPlan,
    record: RunRecord,
    folder: RunFolder,
    engine: Engine,
    setting: Setting,
    view: View,
    wishes: StopWishes,
) -> RunRecord:
    try:
        handle = engine.start(setting.launch(plan.run_id, plan.run_dir, plan.mounts), folder.console_log)
    except RunnerError as error:
        folder.write(record.with_failure(failure_of(error)))
        raise
    record = replace(record, state=RunState.RUNNING, handle=handle)
    watch = Watch(engine, handle, wishes, view.note)
    try:
        folder.write(record)
    except OSError as error:
        # nobody could find, follow or stop this trainer
        watch.kill()
        watch.wait_for_end()
        raise cannot_write_run(error, folder.record_file) from error
    progress = Progress(plan.job.training.epochs)
    try:
        view.begin(folder, progress)
        refused = _follow(plan, folder, progress, watch, view)
        end = watch.wait_for_end()
    except Detached:
        view.abandon()
        return record
    finally:
        view.end()
    remember(plan, progress)
    return finish_run(
        folder,
        record,
        progress,
        handle,
        end,
        engine,
        stops=watch.stops,
        from_scratch=plan.job.vgsl is not None,
        refused=refused,
        note=view.note,
    )


def _follow(plan: RunPlan, folder: RunFolder, progress: Progress, watch: Watch, view: View) -> RunFailure | None:
    """Pass on every event; the failure is a device other than the one that was asked for."""
    for line, event in follow(EventReader(folder.events_file), watch.has_ended, watch.pause):
        progress.add(event)
        view.event(line, event)
        watch.pass_on_wishes()
        if plan.job.device is DeviceKind.GPU and isinstance(event.payload, Started):
            device = event.payload.device
            if device.kind != DeviceKind.GPU.value:
                watch.kill()
                return _gpu_not_used(device)
    return None


def _gpu_not_used(used: Device) -> RunFailure:
    return failure_of(
        EngineError(
            "gpu.not_used",
            f"the run was to use a graphics card, but the trainer uses {used.name} ({used.kind.upper()}); it was ended",
            hint="The image or the installed TensorFlow may lack CUDA: `loghi-runner doctor`. "
            "To train on the CPU, write `gpus: none` under `engine`.",
        )
    )


def failure_of(error: RunnerError) -> RunFailure:
    """An error as run.json keeps it."""
    return RunFailure(error.code, error.message, int(error.exit_code), error.hint, error.where)
