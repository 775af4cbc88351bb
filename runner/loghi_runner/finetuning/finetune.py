"""The order of one run: check, prepare, start, follow, conclude."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract.job import DeviceKind
from loghi_runner.config.load import LoadedConfig, load_config
from loghi_runner.engines.base import Engine, Setting
from loghi_runner.engines.setting import settle, settle_again
from loghi_runner.errors import ERROR_CLASSES, RunnerError
from loghi_runner.findings import Finding, Severity, finding_of
from loghi_runner.finetuning.data_hashes import image_hashes, require_unread_apart
from loghi_runner.finetuning.go_on import go_on_once
from loghi_runner.finetuning.lay_out import create_run_folder, cut_lines, first_record
from loghi_runner.finetuning.plan import RunPlan, View, make_plan
from loghi_runner.finetuning.resume import find_resumable
from loghi_runner.finetuning.speeds import card_memory_mb, remember
from loghi_runner.runs.folder import RunFolder, RunRecord, new_run_id
from loghi_runner.runs.run_trainer import run_trainer
from loghi_runner.runs.signals import StopWishes, Terminated
from loghi_runner.wording import short_path


@dataclass(frozen=True)
class Checked:
    """What a run would be; with an `engine_error` in the setting, or errors in the plan, it could not be started."""

    plan: RunPlan
    engine: Engine
    setting: Setting

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The plan's and, if the engine is not ready, that too: what only explains first, what is to be done last."""
        findings, error = self.plan.findings, self.setting.engine_error
        if error is not None and all(finding.code != error.code for finding in findings):
            findings = (*findings, finding_of(error))
        order = list(Severity)
        return tuple(sorted(findings, key=lambda finding: -order.index(finding.severity)))

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
        folder, record = start_and_follow(prepare_run(config_path, overrides, view, lines), view, begun=lines.close)
    return folder, go_on_once(folder, record, view)


def prepare_run(config_path: Path, overrides: Sequence[str], view: View, lines: ExitStack) -> Checked:
    """Decide a run, show it, and cut its lines: all that comes before it is started.

    Args:
        lines: until it is closed nobody removes the line images; then a run.json has to name them.

    Raises:
        RunnerError: it cannot be started.
    """
    loaded = load_config(config_path, overrides)
    engine, setting = settle(loaded.config.engine)
    setting.require_usable()  # before the lines are read, which takes longer
    checked = Checked(_plan(loaded, setting, view), engine, setting)
    view.plan(checked.plan, setting)
    checked.require_ready()
    return replace(checked, plan=cut_lines(checked.plan, view, lines))


def start_and_follow(
    ready: Checked, view: View, begun: Callable[[], None] = lambda: None
) -> tuple[RunFolder, RunRecord]:
    """Start a run whose lines are cut, and follow it to its end; `begun` is called once its run.json is there.

    Raises:
        EngineError: it could not be started, or there is no card any more that it could wait for.
        KeyboardInterrupt: it was ended while it waited for a card, and nothing of it is left. Terminated likewise.
    """
    engine = ready.engine
    setting = settle_again(engine, ready.setting)
    if setting.device.uuids and setting.device.uuids != ready.setting.device.uuids:
        view.note(f"the planned card was taken meanwhile; instead: {setting.device.sentence}")
    plan = ready.plan.on(setting.device.kind)
    images = image_hashes(plan.lists, plan.mounts)
    require_unread_apart(plan.lists, images)
    record = first_record(plan, engine, setting, images)
    if (earlier := find_resumable(plan.config.config.output, record)) is not None:
        name = short_path(earlier.path)
        view.note(f"an earlier run of this was interrupted, and can go on: `loghi-runner resume {name}`")
    with StopWishes() as wishes:
        folder = create_run_folder(plan, record, images)
        begun()
        launch = setting.launch(plan.run_id, plan.run_dir, plan.mounts, card_memory_mb(plan))
        try:
            record, progress = run_trainer(engine, launch, record, view, wishes)
        except (KeyboardInterrupt, Terminated):
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        remember(plan.on(DeviceKind(record.device)), progress)
    return folder, record


def _plan_error(errors: Sequence[Finding]) -> RunnerError:
    """One error for all findings, which the view has shown; the most fundamental of them gives the exit code."""
    count = "one problem" if len(errors) == 1 else f"{len(errors)} problems"
    kind = ERROR_CLASSES[min(finding.exit_code for finding in errors)]
    return kind("plan.errors", f"{count} to solve first; nothing was started")


def _plan(loaded: LoadedConfig, setting: Setting, view: View) -> RunPlan:
    device, found = setting.device.kind, setting.findings
    return make_plan(loaded, run_id=new_run_id(), device=device, found=found, on_progress=view.progress)
