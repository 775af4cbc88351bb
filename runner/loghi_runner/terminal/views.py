"""How a fine-tuning is shown before it starts, and followed: by a person, or by a program."""

import json
import shlex
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from loghi_contract.events import (
    Charset,
    Chosen,
    DataSummary,
    Epoch,
    Evaluation,
    Event,
    Fold,
    LanguageModel,
    Notice,
    SelfTraining,
    Started,
    Step,
    Trial,
)
from loghi_contract.job import CharsetPolicy, Split, TrainingSpec
from loghi_contract.records import to_json
from loghi_runner.aliases import Row
from loghi_runner.engines.base import Setting
from loghi_runner.engines.card_queue import Waiting
from loghi_runner.findings import Finding, Severity, errors
from loghi_runner.finetuning.check_output import MEGABYTE, MODEL_COPIES
from loghi_runner.finetuning.finetune import Checked
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.finetuning.plan_facts import SplitFacts, new_characters, plan_json, split_facts
from loghi_runner.finetuning.speeds import estimate_of
from loghi_runner.json_answer import print_json
from loghi_runner.runs.folder import RunFolder
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.signals import Detached
from loghi_runner.terminal.console import Bars, make_console, print_findings, print_rows, say, write_nowhere
from loghi_runner.wording import (
    SPLIT_WORDS,
    counted,
    duration,
    epoch_line,
    event_line,
    fold_place,
    loss_text,
    percent,
    phase_word,
    plural,
    short_path,
    trial_words,
    way_words,
)

_HEADER = f"{'epoch':>7}  {'loss':>9}  {'CER':>8}  {'WER':>8}  {'time':>8}"
_BAR_WIDTH = 20
_DRAW_EVERY_S = 0.5

#: So many skipped lines, and characters, are named one by one; the rest is counted.
_NAMED = 12

_POLICIES = {
    CharsetPolicy.EXTEND: "learnt anew",
    CharsetPolicy.FAIL: "refused",
    CharsetPolicy.REPLACE: "learnt, as are all others",
}


class PersonView:
    """A run for a person: a live display on a terminal, one plain line an epoch elsewhere."""

    def __init__(self, *, dry_run: bool = False) -> None:
        self._dry_run = dry_run
        self._console = make_console(stderr=True)
        self._progress = Progress()
        self._live: LiveRun | None = None
        self._is_waiting = False
        self._bars = Bars(self._console)

    def plan(self, plan: RunPlan, setting: Setting) -> None:
        # a dry run's plan is the answer; otherwise it is on the way to one
        console = make_console(stderr=False) if self._dry_run else self._console
        print_plan(console, plan, setting, in_full=self._dry_run)

    def progress(self, doing: str, done: int, total: int) -> None:
        self._bars.show(doing, done, total)

    def begin(self, folder: RunFolder, progress: Progress) -> None:
        self._progress = progress
        verb = "goes on" if progress.epochs else "started"
        self._console.print(f"run {folder.path.name} {verb}; Ctrl+C ends it after the current step")
        if self._console.is_terminal:
            self._live = LiveRun(self._console, progress)

    def event(self, line: bytes, event: Event) -> None:
        payload = event.payload
        if self._live is not None and isinstance(payload, Epoch):
            self._live.add_epoch(payload)
        elif isinstance(payload, Epoch):
            self._console.print(epoch_line(payload, self._progress.remaining_s))
        elif isinstance(payload, Fold):
            if payload.epoch == payload.epochs:
                say(self._console, event_line(payload))
        elif isinstance(payload, Notice):
            say(self._console, Text.assemble(("warning: ", "yellow"), payload.message))
            if payload.hint:
                print_rows(self._console, [("fix:", payload.hint)])
        elif isinstance(payload, Trial) and payload.val_cer is None:
            pass  # one of many steps
        elif isinstance(
            payload, (Started, DataSummary, Charset, Evaluation, LanguageModel, SelfTraining, Trial, Chosen)
        ):
            say(self._console, event_line(payload))
        if self._live is not None:
            self._live.refresh(at_once=not isinstance(payload, (Step, Trial)))

    def queued(self, waiting: Waiting) -> None:
        if not self._is_waiting:
            self._console.print("Ctrl+C ends the waiting and leaves nothing behind")
        self._is_waiting = True
        say(self._console, waiting.sentence())

    def note(self, sentence: str) -> None:
        say(self._console, sentence)

    def end(self) -> None:
        self._bars.close()
        if self._live is not None:
            self._live.stop()
            self._live = None

    def abandon(self) -> None:
        write_nowhere(1, 2)


class JsonView:
    """A run for a program: the plan, then the trainer's events as they are, one JSON object a line."""

    def plan(self, plan: RunPlan, setting: Setting) -> None:
        self._write(plan_json(plan, setting))

    def progress(self, doing: str, done: int, total: int) -> None:
        self._write({"kind": "progress", "doing": doing, "done": done, "total": total})

    def begin(self, folder: RunFolder, progress: Progress) -> None:
        self._write({"kind": "run", "run_id": folder.path.name, "run_dir": str(folder.path)})

    def event(self, line: bytes, event: Event) -> None:
        self._write(json.loads(line))

    def queued(self, waiting: Waiting) -> None:
        self._write({"kind": "queued", **to_json(waiting)})

    def note(self, sentence: str) -> None:
        self._write({"kind": "note", "message": sentence})

    def end(self) -> None:
        pass

    def abandon(self) -> None:
        write_nowhere(1, 2)

    def _write(self, value: Mapping[str, Any]) -> None:
        try:
            print_json(value)
        except BrokenPipeError:
            # whoever read us is gone, as with a closed terminal: the run goes on
            raise Detached from None


class LiveRun:
    """A run until it is stopped: finished epochs scroll up as a table, one small region below is alive."""

    def __init__(self, console: Console, progress: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._progress = progress
        self._clock = clock
        self._drawn_s = -inf
        self._has_header = False
        # without redirection: the console's own stream writes to sys.stderr and would come back to itself
        self._live = Live(
            self.region(),
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def add_epoch(self, epoch: Epoch) -> None:
        if not self._has_header:
            self._console.print(Text(_HEADER, style="dim"))
            self._has_header = True
        mark = "best" if epoch.is_best and epoch.epoch > 0 else "base model" if epoch.epoch == 0 else ""
        row = (
            f"{epoch.epoch:>7}  {loss_text(epoch.train_loss):>9}  {percent(epoch.val_cer):>8}  "
            f"{percent(epoch.val_wer):>8}  {duration(epoch.seconds):>8}  "
        )
        self._console.print(Text.assemble(row, (mark, "green" if mark == "best" else "dim")))

    def refresh(self, *, at_once: bool = True) -> None:
        """Draw it anew; unless `at_once`, not if that was done a moment ago: drawing costs more than all the rest."""
        now_s = self._clock()
        if at_once or now_s >= self._drawn_s + _DRAW_EVERY_S:
            self._drawn_s = now_s
            self._live.update(self.region(), refresh=True)

    def stop(self) -> None:
        self._live.stop()

    def region(self) -> RenderableType:
        """The two lines below the table: where the run is, and how it stands."""
        return Group(self._where(), self._how())

    def _where(self) -> RenderableType:
        step, epochs, trial = self._progress.step, self._progress.planned_epochs, self._progress.trial
        if trial is not None:
            return Text(f"{trial_words(trial)}, step {trial.step}/{trial.steps}", style="bold")
        if self._progress.phase == "folds" and self._progress.folds:
            return Text(fold_place(self._progress.folds[-1]), style="bold")
        if step is None:
            return Text(f"{phase_word(self._progress.phase or 'starting')} ...", style="bold")
        row = Table.grid(padding=(0, 1))
        row.add_row(
            Text(f"epoch {step.epoch}/{epochs or '?'}", style="bold"),
            ProgressBar(total=step.steps, completed=step.step, width=_BAR_WIDTH),
            Text(f"step {step.step}/{step.steps}"),
            Text(f"loss {loss_text(step.loss)}"),
            Text(f"{step.lines_per_second:.1f} lines/s"),
        )
        return row

    def _how(self) -> RenderableType:
        progress = self._progress
        parts = []
        if progress.best is not None:
            parts.append(f"best CER {percent(progress.best.val_cer)} (epoch {progress.best.epoch})")
        if progress.epochs and progress.epochs[-1] is not progress.best:
            parts.append(f"last {percent(progress.epochs[-1].val_cer)}")
        if progress.remaining_s is not None:
            parts.append(f"at most {duration(progress.remaining_s)} left")
        parts.append("Ctrl+C stops")
        return Text("  ".join(parts), style="dim", overflow="ellipsis", no_wrap=True)


def print_check(checked: Checked, preview: Path | None, finetune: Sequence[str]) -> None:
    """The answer of `check`.

    Args:
        finetune: the command to type next, when the run can be started.
    """
    console = make_console(stderr=False)
    console.print(f"check of {checked.plan.config.config.name}")
    rows = _check_rows(checked)
    print_rows(console, [*rows, *([("preview", short_path(preview))] if preview else [])])
    print_findings(console, checked.findings)
    console.print(_conclusion(checked.findings))
    if not errors(checked.findings):
        print_rows(console, [("next", shlex.join(finetune))])


def print_plan(console: Console, plan: RunPlan, setting: Setting, *, in_full: bool) -> None:
    console.print(Text.assemble("plan for ", (plan.config.config.name, "bold")))
    print_rows(console, plan_rows(plan, setting))
    if in_full:
        console.print("what the trainer sees (read-only where nothing else is said)")
        print_rows(console, _mount_rows(plan))
        if plan.skipped:
            console.print("skipped lines")
            print_rows(console, _skipped_rows(plan))
    if setting.device.warning:
        say(console, Text.assemble(("warning: ", "yellow"), setting.device.sentence))
    print_findings(console, plan.findings)


def plan_rows(plan: RunPlan, setting: Setting, facts: Mapping[Split, SplitFacts] = {}) -> list[Row]:
    """Label and text of what the run does; the texts hold whole paths and may be long.

    Args:
        facts: of the splits, where more than their lines is to be told.
    """
    rows = [("engine", setting.engine)]
    if setting.image is not None:
        rows.append(("image", f"{setting.image.name} ({setting.image.digest.rpartition(':')[2][:12]})"))
    rows.append(("device", setting.device.sentence))
    if setting.memory_bytes is not None:
        rows.append(("memory", f"at most {setting.memory_bytes / 1e9:.1f} GB"))
    rows.append(("base model", _base_model(plan)))
    for split, words in SPLIT_WORDS.items():
        if split.value in plan.lists or split in (Split.TRAIN, Split.VAL):
            lines = plural(len(plan.lists.get(split.value, ())), "line")
            if plan.job.folds and split is Split.VAL:
                others = "fold" if len(plan.job.folds) == 2 else f"{len(plan.job.folds) - 1} folds"
                lines = f"the same, each by a model that learns the other {others}"
            is_told = split in facts and not (plan.job.folds and split is Split.VAL)
            rows.append((words, _split_words(facts[split]) if is_told else lines))
    if plan.skipped:
        counts = Counter(line.reason.value for _split, line in plan.skipped)
        rows.append(("skipped", f"{plural(len(plan.skipped), 'line')}: {counted(counts)}"))
    if plan.job.trials is not None:
        ways = " or ".join(way_words(way.name) for way in plan.job.trials.ways)
        rows.append(("to be tried", f"{ways}, {plural(plan.job.trials.epochs, 'epoch')} each"))
    time_taken = estimate_of(plan) or "not known on this machine; `loghi-runner check --probe` measures it"
    rows += [("settings", _settings(plan.job.training)), ("time", time_taken), ("output", short_path(plan.run_dir))]
    if plan.base is not None:
        size = MODEL_COPIES * plan.base.model_file.stat().st_size / MEGABYTE
        rows.append(("disk", f"{size:.0f} MB at most, with what `loghi-runner resume` goes on from"))
    return rows


def _mount_rows(plan: RunPlan) -> list[Row]:
    return [
        (str(mount.target), f"{short_path(mount.source)}{'' if mount.read_only else '  (writable)'}")
        for mount in plan.mounts
    ]


def _skipped_rows(plan: RunPlan) -> list[Row]:
    """Where a skipped line stands, and why it is skipped."""
    rows = [(line.where, f"{line.reason.value}: {line.detail or line.image}") for _split, line in plan.skipped[:_NAMED]]
    rest = len(plan.skipped) - len(rows)
    return [*rows, ("", f"... and {rest} more")] if rest > 0 else rows


def _check_rows(checked: Checked) -> list[Row]:
    """Label and text of what was found; numbers of lines, pages and characters instead of the plan's lines."""
    plan = checked.plan
    rows = plan_rows(plan, checked.setting, split_facts(plan))
    new = new_characters(plan)
    for number, character in enumerate(new[:_NAMED]):
        label = "new" if number == 0 else ""
        shown = character.character if character.character.isprintable() else " "
        what = f"{shown}  {character.code_point} {character.name}, {character.count}x"
        rows.append((label, f"{what}: {_POLICIES[plan.job.charset]}"))
    if len(new) > _NAMED:
        rows.append(("", f"... and {len(new) - _NAMED} more characters"))
    return rows


def _conclusion(findings: tuple[Finding, ...]) -> str:
    counts = Counter(finding.severity for finding in findings)
    if counts[Severity.ERROR]:
        return f"not ready: {plural(counts[Severity.ERROR], 'problem')} to solve first"
    if counts[Severity.WARNING]:
        return f"ready, with {plural(counts[Severity.WARNING], 'warning')}"
    return "ready"


def _split_words(facts: SplitFacts) -> str:
    lines = f"{plural(facts.lines, 'line')} on {plural(facts.pages, 'page')}"
    if not facts.characters:
        return lines
    return f"{lines}, {facts.characters} characters ({facts.characters / max(facts.lines, 1):.0f} a line)"


def _base_model(plan: RunPlan) -> str:
    if plan.job.vgsl is not None:
        return f"none: trained from scratch, network {plan.job.vgsl}"
    if plan.base is None:
        return "cannot be used"
    folder = short_path(plan.base.model_file.parent)
    return f"{folder} ({len(plan.base.tokenizer.characters)} characters, line height {plan.base.height_px} px)"


def _settings(training: TrainingSpec) -> str:
    stop = f", stop after {training.early_stopping} without gain" if training.early_stopping else ""
    return (
        f"{plural(training.epochs, 'epoch')} at most{stop}, {plural(training.batch_size, 'line')} a step, "
        f"learning rate {training.learning_rate:g}"
    )
