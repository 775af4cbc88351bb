"""Shows on a platform how an order goes on, and hears from it when somebody there ends it. Nothing waits for it."""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from typing import TypeAlias

from loghi_contract.events import Epoch, Event
from loghi_runner.errors import RunnerError, UsageError
from loghi_runner.files import write_atomically
from loghi_runner.orders.actions import PlatformPages
from loghi_runner.orders.lookup import Lookup, platform_id
from loghi_runner.orders.orders import Order, OrderFolder
from loghi_runner.platform.base import Outcome, Report
from loghi_runner.wording import epoch_line

_log = logging.getLogger(__name__)

#: The number of the platform's task that shows the order.
TASK_FILE = "task"

#: A sentence; the last one with how it ended.
_Message: TypeAlias = str | tuple[Outcome, str]

_ASK_EVERY_S = 10.0
#: Who is only told waits less for an answer than who pulls and pushes.
_TIMEOUT_S = 20.0
#: How long the end of an order waits until it is told.
_LAST_WORD_S = 60.0


class PlatformProgress:
    """One task on a platform. The platform is asked from a thread: it may be slow, the order is not."""

    def __init__(
        self, open_report: Callable[[], Report] | None, on_cancel: Callable[[], None], ask_every_s: float | None = None
    ) -> None:
        """`open_report` is None where no platform is told; `on_cancel` is called once, from the thread."""
        self._open_report = open_report
        self._on_cancel = on_cancel
        self._ask_every_s = _ASK_EVERY_S if ask_every_s is None else ask_every_s
        self._messages: queue.Queue[_Message] = queue.Queue()
        self._shown: Callable[[], str] | None = None
        self._report: Report | None = None
        self._thread: threading.Thread | None = None
        self.was_cancelled = False

    def say(self, sentence: str) -> None:
        """A sentence that is not to be missed."""
        self._shown = None
        self._put(sentence)

    def say_event(self, event: Event) -> None:
        """A run's event: of these each epoch is told."""
        if isinstance(event.payload, Epoch):
            self.say(epoch_line(event.payload))

    def show(self, sentence: Callable[[], str]) -> None:
        """What is asked for when there was nothing to say for a while."""
        self._shown = sentence

    def end(self, outcome: Outcome, sentence: str, timeout_s: float = _LAST_WORD_S) -> None:
        """The last word; waited for, but not for ever."""
        self._put((outcome, sentence))
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _put(self, message: _Message) -> None:
        if self._open_report is None:
            return
        self._messages.put(message)
        if self._thread is None:
            self._thread = threading.Thread(target=self._tell, name="platform progress", daemon=True)
            self._thread.start()

    def _tell(self) -> None:
        message: _Message | None = None
        while not isinstance(message, tuple):
            message = self._next()
            try:
                self._tell_now(message)
            except (RunnerError, OSError, ValueError) as error:
                # an order never ends because somebody could not be told
                _log.info("the platform was not told: %s", getattr(error, "code", error))

    def _next(self) -> _Message | None:
        try:
            return self._messages.get(timeout=self._ask_every_s)
        except queue.Empty:
            shown = self._shown
            return shown() if shown is not None else None

    def _tell_now(self, message: _Message | None) -> None:
        if self._report is None and self._open_report is not None:
            self._report = self._open_report()
        report = self._report
        if report is None or report.id is None:
            return
        if isinstance(message, tuple):
            return report.end(*message)
        if message is not None:
            report.update(message)
        if not self.was_cancelled and report.is_cancelled():
            self.was_cancelled = True
            self._on_cancel()


def report_of(order: Order, folder: OrderFolder, lookup: Lookup, token: str | None) -> Report:
    """The task that an order's platform shows of it, the same each time it is asked for.

    Raises:
        RunnerError: the platform cannot be asked.
        OSError: which task it is cannot be written down.
    """
    source = order.asked.source
    if not isinstance(source, PlatformPages):
        raise UsageError("order.stage", "the order names no platform")
    file, known = folder.work / TASK_FILE, None
    with contextlib.suppress(OSError, ValueError):
        known = int(file.read_text(encoding="utf-8"))
    platform = lookup.connect(source.platform, token, _TIMEOUT_S)
    report = platform.report(platform_id(source.document), f"Loghi: {order.name}", known)
    if report.id is not None and report.id != known:
        write_atomically(file, str(report.id))
    return report
