"""The order of one run: check, prepare, start, follow, conclude."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract.job import DeviceKind
from loghi_runner.config.load import LoadedConfig, load_config
from loghi_runner.engines import choose_engine
from loghi_runner.engines.base import Engine
from loghi_runner.engines.gpus import DeviceChoice
from loghi_runner.engines.setting import Setting, choose_card, choose_image, choose_setting
from loghi_runner.errors import ERROR_CLASSES, RunnerError
from loghi_runner.findings import Finding, Severity
from loghi_runner.finetuning.lay_out import choose_card_again, create_run_folder, first_record, launch_of
from loghi_runner.finetuning.line_cutting import cut_lines
from loghi_runner.finetuning.plan import RunPlan, View, make_plan, with_finding
from loghi_runner.finetuning.speeds import remember
from loghi_runner.runs.folder import RunFolder, RunRecord, new_run_id
from loghi_runner.runs.run_trainer import run_trainer
from loghi_runner.runs.signals import StopWishes


@dataclass(frozen=True)
class Checked:
    """What a run would be; with an `engine_error` in the setting, or errors in the plan, it could not be started."""

    plan: RunPlan
    setting: Setting

    def require_ready(self) -> None:
        """Raise the RunnerError for which the run could not be started, if there is any."""
        if self.plan.errors:
            raise _plan_error(self.plan.errors)
        if self.setting.engine_error is not None:
            raise self.setting.engine_error


def check_run(config_path: Path, overrides: Sequence[str], view: View) -> Checked:
    """Decide what a run would do, and touch nothing.

    Raises:
        UsageError: the config cannot be used.
    """
    loaded = load_config(config_path, overrides)
    kind = loaded.config.engine.kind.value
    error: RunnerError | None = None
    choice = DeviceChoice(DeviceKind.CPU, (), "not known")
    sentence, image, memory = f"{kind}: cannot be used", None, None
    try:
        engine, sentence = choose_engine(kind)
        choice = choose_card(engine, loaded.config.engine.gpus)
        image = choose_image(engine, loaded.config.engine.image, choice.kind)
        memory = engine.memory_limit(loaded.config.engine.memory_bytes)
    except RunnerError as problem:
        # shown with the plan: the lines can be looked at before the machine is ready
        error = problem
    plan = _plan(loaded, choice, view)
    if error is not None and plan.errors:
        # with errors in the plan the command ends with those: this one must not wait until they are solved
        first = Finding(Severity.ERROR, error.code, error.message, error.where, error.hint)
        plan = replace(plan, findings=(first, *plan.findings))
    elif error is None:
        plan = _with_memory(plan, memory)
    return Checked(plan, Setting(sentence, choice, image, error, memory))


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
    wish = loaded.config.engine
    engine, setting = choose_setting(wish.kind.value, wish.gpus, wish.image, wish.memory_bytes)
    plan = _with_memory(_plan(loaded, setting.device, view), setting.memory_bytes)
    view.plan(plan, setting)
    if plan.errors:
        raise _plan_error(plan.errors)
    return cut_lines(plan, view, lines), engine, setting


def start_and_follow(
    plan: RunPlan, engine: Engine, setting: Setting, view: View, begun: Callable[[], None] = lambda: None
) -> tuple[RunFolder, RunRecord]:
    """Start a run whose lines are cut, and follow it to its end; `begun` is called once its run.json is there.

    Raises:
        EngineError: it could not be started, or its card was taken meanwhile.
    """
    setting = choose_card_again(plan, engine, setting, view.note)
    record = first_record(plan, engine, setting)
    with StopWishes() as wishes:
        folder = create_run_folder(plan, record)
        begun()
        record, progress = run_trainer(engine, launch_of(plan, record, setting), record, view, wishes)
        remember(plan, progress)
    return folder, record


def _plan_error(errors: Sequence[Finding]) -> RunnerError:
    """One error for all findings, which the view has shown; the most fundamental of them gives the exit code."""
    count = "one problem" if len(errors) == 1 else f"{len(errors)} problems"
    kind = ERROR_CLASSES[min(finding.exit_code for finding in errors)]
    return kind("plan.errors", f"{count} to solve first; nothing was started")


def _with_memory(plan: RunPlan, memory_bytes: int | None) -> RunPlan:
    """The plan, with a warning where the config limits the memory and the engine does not."""
    asked = plan.config.config.engine.memory
    if asked is None or memory_bytes is not None:
        return plan
    message = f"engine.memory ({asked}) is not applied: only a container can be limited, where its daemon lets it be"
    hint = "Run in Docker (`engine.kind: docker`), or take the key out."
    return with_finding(plan, Finding(Severity.WARNING, "engine.memory_not_applied", message, "engine.memory", hint))


def _plan(loaded: LoadedConfig, choice: DeviceChoice, view: View) -> RunPlan:
    return make_plan(loaded, run_id=new_run_id(), device=choice.kind, card=choice.card, on_progress=view.progress)
