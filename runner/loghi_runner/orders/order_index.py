"""What is remembered of all orders, so that no answer takes longer for the orders there once were.

The folders alone are true, and others write them. Each thing is looked at again when it may have changed: the list
when the folder of orders has, a state when its file has; an order that is over stays as it is, unless its results wait
to be pushed.
"""

import contextlib
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

from loghi_runner.orders.orders import Fault, Order, OrderFolder, OrderState, PushState, Stage, order_folders
from loghi_runner.orders.state import StateFolder

#: Two changes within a tick of a disk's clock leave the same time, so a fresh one is not trusted. Source: FAT's 2 s
_TICK_S = 2.0
#: How long the size of an order that is under way is good for; to measure one means to look at each of its files.
_SIZE_KEPT_S = 60.0

_Version = tuple[int, int] | None


class _Known:
    """One order, as it was when it was looked at last. `number` is its folder's on the disk."""

    def __init__(self, order: Order, folder: OrderFolder, number: int) -> None:
        self.order = order
        self.number = number
        self.folder = folder
        self._state: tuple[_Version, OrderState] = (None, OrderState())
        self._bytes, self._bytes_until = 0, 0.0

    @property
    def is_settled(self) -> bool:
        """Whether it is known to be over for good."""
        state = self._state[1]
        return state.stage.is_over and state.pushed is not PushState.PARKED and self._state[0] is not None

    def state(self) -> OrderState:
        if not self.is_settled:
            try:
                version = _version(self.folder.state_file)
                if version != self._state[0]:
                    self._state = (version, self.folder.read_state())
            except OSError:
                fault = Fault(code="order.broken_state", message="the record of this order's state cannot be read")
                return OrderState(stage=Stage.FAILED, error=fault)
        return self._state[1]

    def bytes(self) -> int:
        """What its files hold; those of an order under way a minute ago at most."""
        if time.monotonic() >= self._bytes_until:
            self.state()
            self._bytes_until = inf if self.is_settled else time.monotonic() + _SIZE_KEPT_S
            self._bytes = _bytes_below(self.folder.path) + _bytes_below(self.folder.work)
        return self._bytes


@dataclass(frozen=True)
class Orders:
    """Some orders, the oldest first."""

    placed: tuple[Order, ...] = ()

    def newest(self, limit: int, before: Order | None = None) -> tuple[list[Order], bool]:
        """The last ones, or the last before one of them, the newest first; and whether there are older ones."""
        end = len(self.placed) if before is None else bisect_left(self.placed, _when(before), key=_when)
        begin = max(0, end - limit)
        return list(reversed(self.placed[begin:end])), begin > 0


@dataclass(frozen=True)
class _List:
    """All orders there are. `folders`: by id, the number of each on the disk."""

    version: _Version = None
    folders: dict[str, int] = field(default_factory=dict)
    all: Orders = Orders()
    of_user: dict[str, Orders] = field(default_factory=dict)
    of_client: dict[str, Orders] = field(default_factory=dict)


class OrderIndex:
    """All orders of a state folder."""

    def __init__(self, state: StateFolder) -> None:
        self._state = state
        self._looking = threading.Lock()
        self._list = _List()
        self._changed_at = self._looked_at = -inf
        self._known: dict[str, _Known] = {}
        self._unsettled: dict[str, _Known] = {}

    def find(self, order_id: str) -> Order | None:
        self._look()
        known = self._known.get(order_id)
        return known.order if known is not None else None

    def folder(self, order_id: str) -> OrderFolder:
        known = self._known.get(order_id)
        return known.folder if known is not None else OrderFolder(self._state.orders / order_id)

    def all(self) -> Orders:
        return self._look().all

    def of_user(self, user: str) -> Orders:
        return self._look().of_user.get(user, Orders())

    def of_client(self, client: str) -> Orders:
        return self._look().of_client.get(client, Orders())

    def state_of(self, order_id: str) -> OrderState:
        """How an order that was found stands now; one that is gone meanwhile stands at its beginning."""
        if order_id not in self._known:
            self._look()  # placed in this moment
        known = self._known.get(order_id)
        return known.state() if known is not None else OrderState()

    def not_over(self) -> list[tuple[Order, Stage]]:
        """Orders that wait or are under way."""
        self._look()
        found = []
        for order_id, known in self._unsettled.copy().items():
            stage = known.state().stage
            if not stage.is_over:
                found.append((known.order, stage))
            elif known.is_settled:
                self._unsettled.pop(order_id, None)
        return found

    def bytes_of_user(self, user: str) -> int:
        """Disk space of all orders of a user."""
        known = [self._known.get(order.id) for order in self.of_user(user).placed]
        return sum(each.bytes() for each in known if each is not None)

    def _look(self) -> _List:
        with self._looking:
            version, now = _version(self._state.orders), time.monotonic()
            if version != self._list.version:
                self._changed_at = now
            is_fresh = now < self._changed_at + _TICK_S
            has_unread = len(self._known) < len(self._list.folders)
            if is_fresh or (has_unread and now > self._looked_at + _TICK_S):
                self._looked_at = now
                self._list = self._read(version)
            return self._list

    def _read(self, version: _Version) -> _List:
        folders = order_folders(self._state)
        is_complete = len(self._known) == len(folders)
        if folders == self._list.folders and is_complete:
            return replace(self._list, version=version)
        for order_id, known in list(self._known.items()):
            if folders.get(order_id) != known.number:
                del self._known[order_id]
                self._unsettled.pop(order_id, None)
        for order_id, number in folders.items():
            if order_id not in self._known:
                folder = OrderFolder(self._state.orders / order_id)
                with contextlib.suppress(OSError, ValueError):  # damaged, or not readable yet
                    self._known[order_id] = self._unsettled[order_id] = _Known(folder.read_order(), folder, number)
        placed = sorted((known.order for known in self._known.values()), key=_when)
        return _List(
            version,
            folders,
            all=Orders(tuple(placed)),
            of_user=_by(placed, lambda order: order.user),
            of_client=_by(placed, lambda order: order.client),
        )


def _when(order: Order) -> tuple[str, str]:
    return order.created, order.id


def _by(placed: Sequence[Order], whose: Callable[[Order], str]) -> dict[str, Orders]:
    found: dict[str, list[Order]] = {}
    for order in placed:
        found.setdefault(whose(order), []).append(order)
    return {each: Orders(tuple(orders)) for each, orders in found.items()}


def _version(path: Path) -> _Version:
    """What is other once a file was replaced, or something in a folder came or went; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def _bytes_below(folder: Path) -> int:
    found = 0
    for place, _folders, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):  # gone in this moment
                found += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118  # there are thousands
    return found
