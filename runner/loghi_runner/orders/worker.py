"""The worker: takes orders in their order, within the limits, until it is told to stop. One for each state folder."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

from loghi_runner.errors import RunnerError
from loghi_runner.locks import FileLock, Timeout, take
from loghi_runner.orders.config import ServiceConfig
from loghi_runner.orders.credentials import Vault
from loghi_runner.orders.orders import (
    CANCEL_MARK,
    PUSH_MARK,
    Fault,
    Order,
    OrderFolder,
    Stage,
    in_turns,
    list_orders,
)
from loghi_runner.orders.processes import Processes
from loghi_runner.orders.state import StateFolder

_log = logging.getLogger(__name__)

_PAUSE_S = 0.5


class Worker:
    """`run` returns when `stop` was called; the processes it has started go on."""

    def __init__(self, config: ServiceConfig, state: StateFolder) -> None:
        self._limits = config.limits
        self._state = state
        self.processes = Processes(config, Vault(state.key()))
        self._stopping = threading.Event()
        self._orders: dict[str, Order] = {}
        self._over: set[str] = set()
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
        running = sum(map(_is_running, stages.values()))
        for order, folder in orders:
            before = stages.get(order.id)
            if before is None:
                continue
            if before is Stage.QUEUED and running >= self._limits.running and not folder.has_mark(CANCEL_MARK):
                continue
            after = self._advance(order, folder)
            running += _is_running(after) - _is_running(before)
            if after.is_over:
                self._over.add(order.id)
        self.processes.reap()
        self._beat()

    def _read(self) -> Iterator[tuple[Order, OrderFolder]]:
        """Every order that is not over, or is to be pushed again."""
        for folder in list_orders(self._state):
            if folder.id in self._over:
                if not folder.has_mark(PUSH_MARK):
                    continue
                self._over.discard(folder.id)
            order = self._orders.get(folder.id)
            if order is None:
                try:
                    order = self._orders[folder.id] = folder.read_order()
                except ValueError:
                    # not what is wrong with it: that would repeat what somebody wrote there
                    _log.error("the order %s is damaged", folder.id)
                    self._over.add(folder.id)
                    continue
                except OSError as error:
                    # it may be readable at the next look: the service shows it as one that waits
                    if folder.id not in self._unread:
                        _log.error("the order %s cannot be read: %s", folder.id, error.strerror)
                    self._unread.add(folder.id)
                    continue
            yield order, folder

    def _advance(self, order: Order, folder: OrderFolder) -> Stage:
        before = folder.read_state()
        try:
            after = self.processes.advance(order, folder)
        except OSError as error:
            _log.error("order %s cannot be written: %s", order.id, error)
            return before.stage  # a full disk: it is tried again
        except Exception as error:  # noqa: BLE001  # the top of one order
            # a fault of ours in one order must neither end the others nor leave this one hanging
            _log.exception("order %s", order.id)
            fault = Fault(code="bug", message=f"a fault in loghi-runner itself: {type(error).__name__}")
            try:
                after = self.processes.give_up(order, folder, before, fault)
            except OSError:
                return before.stage  # it could not be written down: nobody has been told
        if after.stage is not before.stage:
            _log.info("order %s: %s -> %s", order.id, before.stage.value, after.stage.value)
        return after.stage

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
