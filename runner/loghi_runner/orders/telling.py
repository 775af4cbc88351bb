"""Tells a platform how its users' orders stand, and hears from it when one is to end. Nothing waits for it."""

import contextlib
import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from loghi_runner.errors import RunnerError
from loghi_runner.files import write_atomically
from loghi_runner.orders.actions import PlatformPages
from loghi_runner.orders.commands import Commands
from loghi_runner.orders.orders import CANCEL_MARK, Order, OrderFolder, OrderState, Stage
from loghi_runner.platform import open_platform
from loghi_runner.platform.base import Outcome, PlatformConnection, Report
from loghi_runner.runs.follow import read_events
from loghi_runner.runs.progress import Progress
from loghi_runner.wording import epoch_line

_log = logging.getLogger(__name__)

_EVERY_S = 15.0
_TIMEOUT_S = 20.0
_OUTCOMES = {
    Stage.FINISHED: Outcome.FINISHED,
    Stage.FAILED: Outcome.FAILED,
    Stage.CANCELLED: Outcome.CANCELLED,
}


@dataclass
class _Told:
    """What one order's platform knows. `token` is taken at the beginning: at the end it is no longer kept."""

    token: str
    at: float = 0.0
    stage: Stage | None = None
    under_way: Future[None] | None = None
    report: Report | None = None
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def __repr__(self) -> str:
        return f"_Told({self.stage})"


class Teller:
    """One for a worker; the platforms are asked in threads, so that a slow one delays nobody."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._told: dict[str, _Told] = {}
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="telling")

    def tell(self, order: Order, folder: OrderFolder, state: OrderState) -> None:
        """Tell what is new, if the platform shows tasks at all; at most every quarter of a minute."""
        told = self._told.get(order.id)
        if told is None:
            begun = state.stage is not Stage.QUEUED and not state.stage.is_over
            if not begun or not isinstance(order.asked.source, PlatformPages):
                return
            with contextlib.suppress(RunnerError):
                told = self._told[order.id] = _Told(self._commands.token_of(order, folder))
        if told is None:
            return
        is_busy = told.under_way is not None and not told.under_way.done()
        is_known = told.stage is state.stage and time.monotonic() - told.at < _EVERY_S
        if not state.stage.is_over and (is_busy or is_known):
            return
        told.at, told.stage = time.monotonic(), state.stage
        told.under_way = self._threads.submit(self._tell_now, told, order, folder, state)
        if state.stage.is_over:
            del self._told[order.id]

    def _tell_now(self, told: _Told, order: Order, folder: OrderFolder, state: OrderState) -> None:
        with told.one_at_a_time:
            self._tell_in_turn(told, order, folder, state)

    def _tell_in_turn(self, told: _Told, order: Order, folder: OrderFolder, state: OrderState) -> None:
        try:
            report = told.report = told.report or self._open(told.token, order, folder)
            sentence = _sentence(folder, state)
            if state.stage.is_over:
                report.end(_OUTCOMES[state.stage], sentence)
                return
            report.update(sentence)
            if report.is_cancelled() and not folder.has_mark(CANCEL_MARK):
                folder.mark(CANCEL_MARK)
        except (RunnerError, OSError) as error:
            # an order never ends because somebody could not be told
            _log.info("order %s: the platform was not told: %s", order.id, getattr(error, "code", error))

    def _open(self, token: str, order: Order, folder: OrderFolder) -> Report:
        source = order.asked.source
        assert isinstance(source, PlatformPages)  # noqa: S101  # nothing else is told
        entry = self._commands.platform(source.platform)
        platform = open_platform(PlatformConnection(entry.kind, entry.url, timeout_s=_TIMEOUT_S), token)
        known = _known(folder.work / "task")
        report = platform.report(int(source.document), f"Loghi: {order.name}", known)
        if report.id is not None and report.id != known:
            write_atomically(folder.work / "task", str(report.id))
        return report


def _known(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _sentence(folder: OrderFolder, state: OrderState) -> str:
    if state.error is not None:
        return state.error.message
    run = folder.run()
    if run is None or state.stage is not Stage.TRAINING:
        return f"{state.stage.value}: {state.message}" if state.message else state.stage.value
    progress = Progress.of(read_events(run.events_file))
    return epoch_line(progress.epochs[-1], progress.remaining_s) if progress.epochs else progress.phase or "training"
