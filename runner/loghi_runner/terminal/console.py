"""How a person sees a run: its plan, its progress, its end, and every error. Besides `cli`, the only place that prints.

Standard output holds the answer, standard error everything else.
"""

import codecs
import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO, cast  # JSON values have no narrower type

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loghi_contract.events import Charset, DataSummary, Epoch, Evaluation, Event, Notice, Started
from loghi_contract.records import to_json
from loghi_runner.aliases import Row
from loghi_runner.engines.setting import Setting
from loghi_runner.errors import RunnerError
from loghi_runner.findings import Finding, Severity
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.json_answer import error_json as error_json
from loghi_runner.json_answer import print_json as print_json
from loghi_runner.run.progress import Progress
from loghi_runner.run.rundir import RunFailure, RunFolder
from loghi_runner.run.watch import Detached
from loghi_runner.terminal.bars import Bars
from loghi_runner.terminal.live import LiveRun
from loghi_runner.terminal.plan_text import finding_rows, mount_rows, plan_rows, skipped_rows
from loghi_runner.wording import epoch_line, event_line, harmless, shown

_ANY_TEXT = "loghi_runner.any_text"

_SEVERITY_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


class _Console(Console):
    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(harmless(item) if isinstance(item, str) else item for item in objects), **options)

    def on_broken_pipe(self) -> None:
        # rich would exit with 1 here; the top of the process knows better
        raise BrokenPipeError


class _LastingStderr(io.TextIOBase):
    """Standard error that goes silent when its reader is gone: a closed terminal, or `2>&1 | tee log` and Ctrl+C.

    The run must not end because nobody listens.
    """

    def write(self, text: str) -> int:
        with self._tolerated():
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with self._tolerated():
            sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()

    def fileno(self) -> int:
        return sys.stderr.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # only asked for
        return sys.stderr.encoding

    @contextlib.contextmanager
    def _tolerated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EPIPE):
                raise
            write_nowhere(sys.stderr.fileno())


def write_nowhere(*descriptors: int) -> None:
    """Whatever is still written to these, now or at exit, is lost without an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    # where one of them was closed, it may be the very number that was given out
    if nowhere not in descriptors:
        os.close(nowhere)


def open_closed_streams() -> None:
    """Give the program an output that nobody reads where it was started with none (`>&-`)."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            write_nowhere(descriptor)
            setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8"))


def print_any_text() -> None:
    """Have characters that the output's encoding lacks printed as escapes, and a file's name as the bytes it is."""
    codecs.register_error(_ANY_TEXT, _bytes_or_escapes)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ANY_TEXT)


def _bytes_or_escapes(error: UnicodeError) -> tuple[str | bytes, int]:
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.backslashreplace_errors(error)


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """For an answer after which something is left to do, if only to end with the right exit code."""
    try:
        yield
    except BrokenPipeError:
        write_nowhere(sys.stdout.fileno())


def make_console(*, stderr: bool) -> Console:
    """A rich console that marks nothing up by itself: paths and texts are shown as they are."""
    file = cast(TextIO, _LastingStderr()) if stderr else None
    return _Console(file=file, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(console: Console, text: str | Text) -> None:
    """A sentence: broken between words on a terminal, one line elsewhere."""
    console.print(text, soft_wrap=not console.is_terminal)


def print_rows(console: Console, rows: list[Row], indent: int = 2) -> None:
    """Labels in one column, texts in the next; on a terminal a long sentence goes on below itself.

    What is to be copied (a path, a row without a label) is never broken.
    """
    rows = [(shown(label), shown(text)) for label, text in rows]
    width = max((len(label) for label, _text in rows), default=0)
    for label, text in rows:
        if console.is_terminal and label and " " in text:
            grid = Table.grid(padding=(0, 2))
            grid.add_column(width=width, style="dim")
            grid.add_column(overflow="fold")
            grid.add_row(Text(label), Text(text))
            console.print(Padding(grid, (0, 0, 0, indent)), soft_wrap=False)
        else:
            console.print(f"{' ' * indent}{label:<{width}}  {text}".rstrip())


def print_findings(console: Console, findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        style = _SEVERITY_STYLES[finding.severity]
        say(console, Text.assemble((f"{finding.severity.value}: ", style), shown(finding.message)))
        print_rows(console, finding_rows(finding))


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


def plan_json(plan: RunPlan, setting: Setting) -> dict[str, Any]:
    """What `--dry-run --json` says; the keys are a promise to scripts."""
    return {
        "kind": "plan",
        "run_id": plan.run_id,
        "run_dir": str(plan.run_dir),
        "name": plan.config.config.name,
        "engine": setting.engine,
        "image": setting.image.name if setting.image else None,
        "device": setting.device.kind.value,
        "device_reason": setting.device.sentence,
        "gpus": list(setting.device.uuids),
        "lines": {split: len(samples) for split, samples in plan.lists.items()},
        "skipped": [{"split": split, **to_json(line)} for split, line in plan.skipped],
        "mounts": [
            {"source": str(mount.source), "target": str(mount.target), "read_only": mount.read_only}
            for mount in plan.mounts
        ],
        "job": to_json(plan.job),
        "findings": [to_json(finding) for finding in plan.findings],
    }


def print_error(console: Console, error: RunnerError | RunFailure) -> None:
    """What is wrong, where, and what to do; a config error lists all its problems."""
    say(console, Text.assemble(("error: ", "bold red"), shown(error.message)))
    if error.where:
        console.print(f"where: {shown(error.where)}")
    if error.hint:
        say(console, f"fix: {shown(error.hint)}")


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
