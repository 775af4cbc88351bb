"""How a person sees a run: its plan, its progress, its end, and every error. Besides `cli`, the only place that prints.

Standard output holds the answer, standard error everything else.
"""

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast  # JSON values have no narrower type

from rich import progress as rich_progress
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from loghi_runner.aliases import Row
from loghi_runner.errors import RunnerError
from loghi_runner.findings import Finding, Severity
from loghi_runner.json_answer import Failure
from loghi_runner.wording import harmless, shown

_COLUMN = 48
#: Of a run's id, which is typed again: it must not be torn.
_ID_WIDTH = 20
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


def print_side_by_side(console: Console, rows: list[tuple[str, str, str]]) -> None:
    """A label, and how it is in each of two; on a terminal long texts are broken within their column."""
    rows = [(shown(label), shown(first), shown(second)) for label, first, second in rows]
    label_width = max(len(label) for label, _first, _second in rows)
    if console.is_terminal:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", overflow="fold")
        for _side in range(2):
            grid.add_column(overflow="fold", width=max((console.width - label_width - 4) // 2, _ID_WIDTH))
        for row in rows:
            grid.add_row(*map(Text, row))
        console.print(grid, soft_wrap=False)
        return
    # one long text must not push all others apart
    width = max((len(first) for _label, first, _second in rows if len(first) <= _COLUMN), default=0)
    for label, first, second in rows:
        console.print(f"{label:<{label_width}}  {first:<{width}}  {second}".rstrip())


def print_findings(console: Console, findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        style = _SEVERITY_STYLES[finding.severity]
        say(console, Text.assemble((f"{finding.severity.value}: ", style), shown(finding.message)))
        rows = (("where:", finding.where), ("fix:", finding.hint))
        print_rows(console, [(label, text) for label, text in rows if text])


def print_error(console: Console, error: RunnerError | Failure) -> None:
    """What is wrong, where, and what to do; a config error lists all its problems."""
    say(console, Text.assemble(("error: ", "bold red"), shown(error.message)))
    if error.where:
        console.print(f"where: {shown(error.where)}")
    if error.hint:
        say(console, f"fix: {shown(error.hint)}")


class Bars:
    """A bar with the time left on a terminal, one line elsewhere; one at a time, and it goes away when all is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: tuple[str, rich_progress.Progress, TaskID] | None = None

    def show(self, doing: str, done: int, total: int) -> None:
        if not self._console.is_terminal:
            if done == total:
                self._console.print(f"{doing}: {done} of {total}")
            return
        if self._bar is None or self._bar[0] != doing:
            self.close()
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            # without redirection: the console's own stream writes to sys.stderr and would come back to itself
            bar = rich_progress.Progress(
                *columns, console=self._console, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            bar.start()
            self._bar = (doing, bar, bar.add_task(doing, total=total))
        _, bar, task = self._bar
        bar.update(task, completed=done)
        if done >= total:
            self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar[1].stop()
            self._bar = None
