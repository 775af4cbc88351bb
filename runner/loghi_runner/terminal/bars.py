"""What moves on a terminal: how far something has come that takes a while, and a run's live display."""

from rich import progress as rich_progress
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from loghi_contract.events import Epoch
from loghi_runner.runs.progress import Progress
from loghi_runner.wording import duration, loss_text, percent, phase_word

_HEADER = f"{'epoch':>7}  {'loss':>9}  {'CER':>8}  {'WER':>8}  {'time':>8}"
_BAR_WIDTH = 20


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


class LiveRun:
    """A run until it is stopped: finished epochs scroll up as a table, one small region below is alive."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
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

    def refresh(self) -> None:
        self._live.update(self.region(), refresh=True)

    def stop(self) -> None:
        self._live.stop()

    def region(self) -> RenderableType:
        """The two lines below the table: where the run is, and how it stands."""
        return Group(self._where(), self._how())

    def _where(self) -> RenderableType:
        step, epochs = self._progress.step, self._progress.planned_epochs
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
