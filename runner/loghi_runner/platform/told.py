"""A run's view that also tells the platform, and ends the run when somebody cancels it there."""

import contextlib
import queue
import threading
from collections.abc import Callable

from loghi_contract.events import Epoch, Event
from loghi_runner.engines.base import Setting
from loghi_runner.errors import RunnerError
from loghi_runner.finetuning.plan import RunPlan, View
from loghi_runner.platform.base import Report
from loghi_runner.runs.folder import RunFolder
from loghi_runner.runs.look import stop_run
from loghi_runner.runs.progress import Progress
from loghi_runner.wording import epoch_line

_GRACE_S = 60.0


class ToldView:
    """Passes everything on to another view. The platform is told from a thread: it may be slow, the run is not.

    `was_cancelled`: somebody on the platform has asked for the end.
    """

    def __init__(self, view: View, report: Report, begun: Callable[[RunFolder], None], ask_every_s: float) -> None:
        self._view = view
        self._report = report
        self._begun = begun
        self._ask_every_s = ask_every_s
        self._messages: queue.Queue[str | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self.was_cancelled = False

    def progress(self, doing: str, done: int, total: int) -> None:
        self._view.progress(doing, done, total)

    def plan(self, plan: RunPlan, setting: Setting) -> None:
        self._view.plan(plan, setting)

    def begin(self, folder: RunFolder, progress: Progress) -> None:
        self._view.begin(folder, progress)
        try:
            self._begun(folder)
        except RunnerError as error:
            # the trainer is at work: that must not be left alone for this
            self._view.note(error.message)
        if self._report.id is not None:
            self._thread = threading.Thread(target=self._tell, args=(folder,), daemon=True)
            self._thread.start()

    def event(self, line: bytes, event: Event) -> None:
        if isinstance(event.payload, Epoch):
            self._messages.put(epoch_line(event.payload))
        self._view.event(line, event)

    def note(self, sentence: str) -> None:
        self._view.note(sentence)

    def end(self) -> None:
        if self._thread is not None:
            self._messages.put(None)
            self._thread.join(timeout=self._ask_every_s)
            self._thread = None
        self._view.end()

    def abandon(self) -> None:
        self._view.abandon()

    def _tell(self, folder: RunFolder) -> None:
        while True:
            try:
                message = self._messages.get(timeout=self._ask_every_s)
            except queue.Empty:
                pass
            else:
                if message is None:
                    return
                self._report.update(message)
            if not self.was_cancelled and self._report.is_cancelled():
                self.was_cancelled = True
                self._view.note("cancelled on the platform; the best model so far is kept")
                with contextlib.suppress(RunnerError):
                    # not started yet, or over: the next time, or never
                    stop_run(folder, grace_s=_GRACE_S)
