"""The worker: takes orders in their order, within the limits, until it is told to stop. One for each state folder."""

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from loghi_runner.errors import RunnerError
from loghi_runner.locks import FileLock, Timeout, take
from loghi_runner.orders.actions import Action
from loghi_runner.orders.config import ServiceConfig
from loghi_runner.orders.credentials import Vault
from loghi_runner.orders.end import finish_removals, remove_order
from loghi_runner.orders.orders import (
    CANCEL_MARK,
    PUSH_MARK,
    Fault,
    Order,
    OrderFolder,
    OrderState,
    Stage,
    in_turns,
    list_orders,
)
from loghi_runner.orders.processes import Processes
from loghi_runner.orders.state import StateFolder
from loghi_runner.wording import plural

_log = logging.getLogger(__name__)

_PAUSE_S = 0.5
#: So many checks at a time, beside all else.
_CHECKS = 1


class Worker:
    """`run` returns when `stop` was called; the processes it has started go on."""

    def __init__(self, config: ServiceConfig, state: StateFolder) -> None:
        self._limits = config.limits
        self._state = state
        self.processes = Processes(config, Vault(state.key()))
        self._stopping = threading.Event()
        self._orders: dict[str, Order] = {}
        #: since when, by order; nothing where that is not known
        self._over: dict[str, datetime | None] = {}
        self._unread: set[str] = set()

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
        found = {order.id: (order, folder) for order, folder in self._read()}
        stages = {order.id: stage for order, folder in found.values() if (stage := _stage_of(folder)) is not None}
        under_way = [found[each][0] for each, stage in stages.items() if _is_running(stage)]
        waiting = [order for order, _folder in found.values() if stages.get(order.id) is Stage.QUEUED]
        turns = {order.id: turn for turn, order in enumerate(in_turns(waiting, under_way))}
        orders = sorted(found.values(), key=lambda pair: turns.get(pair[0].id, -1))
        # a check takes no graphics card, and little time: it has a place beside what takes days
        places = {True: _CHECKS, False: self._limits.running}
        taken = Counter(_is_check(order) for order in under_way)
        for order, folder in orders:
            before, kind = stages.get(order.id), _is_check(order)
            if before is None:
                continue
            if before is Stage.QUEUED and taken[kind] >= places[kind] and not folder.has_mark(CANCEL_MARK):
                continue
            after = self._advance(order, folder)
            taken[kind] += _is_running(after.stage) - _is_running(before)
            if after.stage.is_over:
                self._over[order.id] = datetime.fromisoformat(after.since) if after.since else None
        self.processes.reap()
        self._remove_old()
        self._beat()

    def _read(self) -> Iterator[tuple[Order, OrderFolder]]:
        """Every order that is not over, or is to be pushed again."""
        for folder in list_orders(self._state):
            if folder.id in self._over:
                if not folder.has_mark(PUSH_MARK):
                    continue
                del self._over[folder.id]
            order = self._orders.get(folder.id)
            if order is None:
                try:
                    order = self._orders[folder.id] = folder.read_order()
                except ValueError:
                    # not what is wrong with it: that would repeat what somebody wrote there
                    _log.error("the order %s is damaged", folder.id)
                    self._over[folder.id] = None
                    continue
                except OSError as error:
                    # it may be readable at the next look: the service shows it as one that waits
                    if folder.id not in self._unread:
                        _log.error("the order %s cannot be read: %s", folder.id, error.strerror)
                    self._unread.add(folder.id)
                    continue
            yield order, folder

    def _advance(self, order: Order, folder: OrderFolder) -> OrderState:
        before = folder.read_state()
        try:
            after = self.processes.advance(order, folder)
        except OSError as error:
            _log.error("order %s cannot be written: %s", order.id, error)
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
        days = self._limits.keep_days
        if days is None:
            return
        begin = datetime.now(UTC) - timedelta(days=days)
        for order_id in [order_id for order_id, since in self._over.items() if since is not None and since < begin]:
            try:
                remove_order(OrderFolder(self._state.orders / order_id))
                self._orders.pop(order_id, None)
                del self._over[order_id]
                _log.info("order %s: removed, as it was over for %s", order_id, plural(days, "day"))
            except OSError as error:
                self._over[order_id] = None
                _log.error("order %s cannot be removed: %s", order_id, error)

    def _beat(self) -> None:
        with contextlib.suppress(OSError):
            self._state.begin_work()
            self._state.worker_beat.touch()


def _stage_of(folder: OrderFolder) -> Stage | None:
    """None where it cannot be known now: one order must not hold up the others."""
    try:
        return folder.read_state().stage
    except OSError as error:
        _log.error("the state of the order %s cannot be read: %s", folder.id, error)
        return None


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
