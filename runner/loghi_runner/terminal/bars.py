"""How far something has come that takes a while: a bar with the time left on a terminal, one line elsewhere."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Bars:
    """One bar at a time; it goes away when all is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: tuple[str, Progress, TaskID] | None = None

    def show(self, doing: str, done: int, total: int) -> None:
        if not self._console.is_terminal:
            if done == total:
                self._console.print(f"{doing}: {done} of {total}")
            return
        if self._bar is None or self._bar[0] != doing:
            self.close()
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            # without redirection: the console's own stream writes to sys.stderr and would come back to itself
            bar = Progress(
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
