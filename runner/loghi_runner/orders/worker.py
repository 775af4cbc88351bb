"""The worker: takes orders in their order, within the limits, until it is told to stop. One for each state folder."""

import contextlib
import logging
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from loghi_runner.engines.card_queue import runs_at_once
from loghi_runner.errors import RunnerError
from loghi_runner.locks import FileLock, Timeout, take
from loghi_runner.orders.actions import Action
from loghi_runner.orders.config import ServiceConfig
from loghi_runner.orders.end import finish_removals, remove_order
from loghi_runner.orders.order_book import OrderIndex
from loghi_runner.orders.orders import CANCEL_MARK, PUSH_MARK, Fault, Order, OrderFolder, OrderState, Stage, in_turns
from loghi_runner.orders.processes import Processes
from loghi_runner.orders.state import StateFolder, Vault
from loghi_runner.wording import plural

_log = logging.getLogger(__name__)

_PAUSE_S = 0.5
#: So many checks at a time, beside all else.
_CHECKS = 1
#: Days are counted: nobody needs all orders gone through with each look.
_REMOVE_EVERY_S = 60.0
#: Cards come and go seldom, and the driver takes a while to answer.
_COUNT_EVERY_S = 60.0


class Worker:
    """`run` returns when `stop` was called; the processes it has started go on."""

    def __init__(self, config: ServiceConfig, state: StateFolder) -> None:
        self._limits, self._engine = config.limits, config.engine
        self._cards, self._count_at_s = 0, 0.0
        self._state = state
        self.processes = Processes(config, Vault(state.key()))
        self._stopping = threading.Event()
        self._index = OrderIndex(state)
        #: over for long, and not to be removed
        self._kept: set[str] = set()
        self._remove_at_s = 0.0

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        self._state.begin_work()
        lock = FileLock(self._state.worker_lock)
        waits = False
        while not self._stopping.is_set():
            try:
                with take(lock, timeout_s=0):
                    self._work()
            except Timeout:
                if not waits:
                    _log.warning("another worker has the folder %s: waiting for its end", self._state.path)
                waits = True
                self._stopping.wait(_PAUSE_S)

    def _work(self) -> None:
        with contextlib.suppress(OSError):
            finish_removals(self._state)
        while not self._stopping.is_set():
            try:
                self.look()
            except OSError as error:
                _log.error("the orders cannot be looked at: %s", error)
            self._stopping.wait(_PAUSE_S)

    def look(self) -> None:
        """One look at every order."""
        known = {each.order.id: each for each in self._index.unsettled()}
        states = {order_id: each.state() for order_id, each in known.items()}
        under_way = [known[order_id].order for order_id, state in states.items() if _is_running(state.stage)]
        waiting = [known[order_id].order for order_id, state in states.items() if state.stage is Stage.QUEUED]
        turns = {order.id: turn for turn, order in enumerate(in_turns(waiting, under_way))}
        # a check takes no graphics card, and little time: it has a place beside what takes days
        places = {True: _CHECKS, False: self._places()}
        taken = Counter(_is_check(order) for order in under_way)
        for order_id in sorted(known, key=lambda order_id: turns.get(order_id, -1)):
            order, folder, before = known[order_id].order, known[order_id].folder, states[order_id]
            kind = _is_check(order)
            if before.stage.is_over and not folder.has_mark(PUSH_MARK):
                continue
            if before.stage is Stage.QUEUED and taken[kind] >= places[kind] and not folder.has_mark(CANCEL_MARK):
                continue
            after = self._advance(order, folder, before)
            taken[kind] += _is_running(after.stage) - _is_running(before.stage)
        self.processes.reap()
        self._remove_old()
        self._beat()

    def _places(self) -> int:
        """How many orders are carried out at a time: each computes, or has its turn among all who wait for cards."""
        if self._limits.running is not None:
            return self._limits.running
        if time.monotonic() >= self._count_at_s:
            self._count_at_s = time.monotonic() + _COUNT_EVERY_S
            self._cards = runs_at_once(self._engine)
        return max(1, self._cards)

    def _advance(self, order: Order, folder: OrderFolder, before: OrderState) -> OrderState:
        try:
            after = self.processes.advance(order, folder)
        except OSError as error:
            _log.error("order %s cannot be read or written: %s", order.id, error)
            return before  # a full disk: it is tried again
        except Exception as error:  # noqa: BLE001  # the top of one order
            # a fault of ours in one order must neither end the others nor leave this one hanging
            _log.exception("order %s", order.id)
            fault = Fault(code="bug", message=f"a fault in loghi-runner itself: {type(error).__name__}")
            try:
                after = self.processes.give_up(order, folder, before, fault)
            except OSError:
                return before  # it could not be written down: nobody has been told
        if after.stage is not before.stage:
            _log.info("order %s: %s -> %s", order.id, before.stage.value, after.stage.value)
        return after

    def _remove_old(self) -> None:
        days, now_s = self._limits.keep_days, time.monotonic()
        if days is None or now_s < self._remove_at_s:
            return
        self._remove_at_s = now_s + _REMOVE_EVERY_S
        begin = datetime.now(UTC) - timedelta(days=days)
        for order in self._index.all():
            state = self._index.state_of(order.id)
            if not state.stage.is_over or not state.since or datetime.fromisoformat(state.since) >= begin:
                continue
            if order.id in self._kept:
                continue
            try:
                remove_order(self._index.folder(order.id))
                _log.info("order %s: removed, as it was over for %s", order.id, plural(days, "day"))
            except OSError as error:
                self._kept.add(order.id)
                _log.error("order %s cannot be removed: %s", order.id, error)

    def _beat(self) -> None:
        with contextlib.suppress(OSError):
            self._state.begin_work()
            self._state.worker_beat.touch()


def _is_check(order: Order) -> bool:
    return order.action is Action.CHECK


def _is_running(stage: Stage) -> bool:
    return stage is not Stage.QUEUED and not stage.is_over


def start_worker(config: ServiceConfig, state: StateFolder) -> tuple[Worker, threading.Thread]:
    """A worker in this program, begun again should it ever end by a fault."""
    worker = Worker(config, state)

    def work() -> None:
        while True:
            try:
                worker.run()
                return
            except (RunnerError, OSError):
                _log.exception("the worker begins again")
                time.sleep(_PAUSE_S)

    thread = threading.Thread(target=work, name="worker", daemon=True)
    thread.start()
    return worker, thread
