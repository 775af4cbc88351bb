"""How a fine-tuning is followed: by a person, or by a program."""

import json
from collections.abc import Mapping
from typing import Any  # JSON values have no narrower type

from rich.console import Console
from rich.text import Text

from loghi_contract.events import Charset, DataSummary, Epoch, Evaluation, Event, Notice, Started
from loghi_runner.engines.base import Setting
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.finetuning.plan_json import plan_json
from loghi_runner.json_answer import print_json
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.rundir import RunFolder
from loghi_runner.runs.signals import Detached
from loghi_runner.terminal.bars import Bars
from loghi_runner.terminal.console import make_console, print_findings, print_rows, say, write_nowhere
from loghi_runner.terminal.live import LiveRun
from loghi_runner.terminal.plan_text import mount_rows, plan_rows, skipped_rows
from loghi_runner.wording import epoch_line, event_line


class PersonView:
    """A run for a person: a live display on a terminal, one plain line an epoch elsewhere."""

    def __init__(self, *, dry_run: bool = False) -> None:
        self._dry_run = dry_run
        self._console = make_console(stderr=True)
        self._progress = Progress()
        self._live: LiveRun | None = None
        self._bars = Bars(self._console)

    def plan(self, plan: RunPlan, setting: Setting) -> None:
        # a dry run's plan is the answer; otherwise it is on the way to one
        console = make_console(stderr=False) if self._dry_run else self._console
        print_plan(console, plan, setting, in_full=self._dry_run)

    def progress(self, doing: str, done: int, total: int) -> None:
        self._bars.show(doing, done, total)

    def begin(self, folder: RunFolder, progress: Progress) -> None:
        self._progress = progress
        self._console.print(f"run {folder.path.name} started; Ctrl+C ends it after the current step")
        if self._console.is_terminal:
            self._live = LiveRun(self._console, progress)

    def event(self, line: bytes, event: Event) -> None:
        payload = event.payload
        if self._live is not None and isinstance(payload, Epoch):
            self._live.add_epoch(payload)
        elif isinstance(payload, Epoch):
            self._console.print(epoch_line(payload, self._progress.remaining_s))
        elif isinstance(payload, Notice):
            say(self._console, Text.assemble(("warning: ", "yellow"), payload.message))
            if payload.hint:
                print_rows(self._console, [("fix:", payload.hint)])
        elif isinstance(payload, (Started, DataSummary, Charset, Evaluation)):
            say(self._console, event_line(payload))
        if self._live is not None:
            self._live.refresh()

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


def print_plan(console: Console, plan: RunPlan, setting: Setting, *, in_full: bool) -> None:
    console.print(Text.assemble("plan for ", (plan.config.config.name, "bold")))
    print_rows(console, plan_rows(plan, setting))
    if in_full:
        console.print("what the trainer sees (read-only where nothing else is said)")
        print_rows(console, mount_rows(plan))
        if plan.skipped:
            console.print("skipped lines")
            print_rows(console, skipped_rows(plan))
    if setting.device.warning:
        say(console, Text.assemble(("warning: ", "yellow"), setting.device.sentence))
    print_findings(console, plan.findings)
