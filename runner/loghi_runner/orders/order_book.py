"""All orders of a state folder: found, placed, counted; no answer takes longer for the orders there once were.

The folders alone are true, and others write them. Each thing is looked at again when it may have changed: the list
when the folder of orders has, a state when its file has; an order that is over stays as it is, unless its results wait
to be pushed.
"""

import contextlib
import hashlib
import json
import logging
import os
import secrets
import shutil
import threading
import time
from base64 import b32encode
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any, TypeAlias  # parameters as JSON have no narrower type

from loghi_runner.clock import utc_now_exactly
from loghi_runner.errors import UsageError
from loghi_runner.files import write_atomically
from loghi_runner.orders import orders
from loghi_runner.orders.actions import Action
from loghi_runner.orders.config import Limits
from loghi_runner.orders.state import Credential, StateFolder, Vault

#: Two changes within a tick of a disk's clock leave the same time, so a fresh one is not trusted. Source: FAT's 2 s
_TICK_S = 2.0
#: How long the size of an order that is under way is good for; to measure one means to look at each of its files.
_SIZE_KEPT_S = 60.0
_ID_LETTERS = 16

#: The oldest first.
Orders: TypeAlias = tuple[orders.Order, ...]
_Version: TypeAlias = tuple[int, int] | None

_log = logging.getLogger(__name__)


class KnownOrder:
    """An order, as it was when it was looked at last. `number` is its folder's on the disk."""

    def __init__(self, order: orders.Order, folder: orders.OrderFolder, number: int) -> None:
        self.order = order
        self.number = number
        self.folder = folder
        self._state: tuple[_Version, orders.OrderState] = (None, orders.OrderState())
        self._bytes, self._bytes_until = 0, 0.0

    @property
    def is_settled(self) -> bool:
        """Whether it is known to be over for good."""
        state = self._state[1]
        return state.stage.is_over and state.pushed is not orders.PushState.PARKED and self._state[0] is not None

    def state(self) -> orders.OrderState:
        if not self.is_settled:
            try:
                version = _version(self.folder.state_file)
                if version != self._state[0]:
                    self._state = (version, self.folder.read_state())
            except OSError:
                fault = orders.Fault(
                    code="order.broken_state", message="the record of this order's state cannot be read"
                )
                return orders.OrderState(stage=orders.Stage.FAILED, error=fault)
        return self._state[1]

    def bytes(self) -> int:
        """What its files hold; those of an order under way a minute ago at most."""
        if time.monotonic() >= self._bytes_until:
            self.state()
            self._bytes_until = inf if self.is_settled else time.monotonic() + _SIZE_KEPT_S
            self._bytes = _bytes_below(self.folder.path) + _bytes_below(self.folder.work)
        return self._bytes


@dataclass(frozen=True)
class _List:
    """All orders there are. `folders`: by id, the number of each on the disk."""

    version: _Version = None
    folders: dict[str, int] = field(default_factory=dict)
    all: Orders = ()
    of_user: dict[str, Orders] = field(default_factory=dict)
    of_client: dict[str, Orders] = field(default_factory=dict)


class OrderIndex:
    """All orders of a state folder."""

    def __init__(self, state: StateFolder) -> None:
        self._state = state
        self._looking = threading.Lock()
        self._list = _List()
        self._changed_at = self._looked_at = -inf
        self._known: dict[str, KnownOrder] = {}
        self._unsettled: dict[str, KnownOrder] = {}
        self._unread: set[str] = set()

    def find(self, order_id: str) -> orders.Order | None:
        """None where there is no such order, or no longer: what is over may be removed."""
        self._look()
        known = self._known.get(order_id)
        return known.order if known is not None else None

    def folder(self, order_id: str) -> orders.OrderFolder:
        known = self._known.get(order_id)
        return known.folder if known is not None else orders.OrderFolder(self._state.orders / order_id)

    def all(self) -> Orders:
        return self._look().all

    def of_user(self, user: str) -> Orders:
        return self._look().of_user.get(user, ())

    def of_client(self, client: str) -> Orders:
        return self._look().of_client.get(client, ())

    def state_of(self, order_id: str) -> orders.OrderState:
        """How an order that was found stands now; one that is gone meanwhile stands at its beginning."""
        if order_id not in self._known:
            self._look()  # placed in this moment
        known = self._known.get(order_id)
        return known.state() if known is not None else orders.OrderState()

    def unsettled(self) -> list[KnownOrder]:
        """Orders that wait, are under way, or have results to be pushed."""
        self._look()
        for order_id, known in self._unsettled.copy().items():
            known.state()
            if known.is_settled:
                self._unsettled.pop(order_id, None)
        return list(self._unsettled.values())

    def bytes_of_user(self, user: str) -> int:
        """Disk space of all orders of a user."""
        known = [self._known.get(order.id) for order in self.of_user(user)]
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
        folders = orders.order_folders(self._state)
        is_complete = len(self._known) == len(folders)
        if folders == self._list.folders and is_complete:
            return replace(self._list, version=version)
        for order_id, known in list(self._known.items()):
            if folders.get(order_id) != known.number:
                del self._known[order_id]
                self._unsettled.pop(order_id, None)
        for order_id, number in folders.items():
            if order_id not in self._known:
                folder = orders.OrderFolder(self._state.orders / order_id)
                try:
                    self._known[order_id] = self._unsettled[order_id] = KnownOrder(folder.read_order(), folder, number)
                except (OSError, ValueError) as error:
                    # it may be readable at the next look; what is wrong in it may not be told: somebody wrote it there
                    if order_id not in self._unread:
                        _log.error("the order %s cannot be read: %s", order_id, getattr(error, "strerror", "damaged"))
                    self._unread.add(order_id)
        placed = sorted((known.order for known in self._known.values()), key=_when)
        return _List(
            version,
            folders,
            all=tuple(placed),
            of_user=_by(placed, lambda order: order.user),
            of_client=_by(placed, lambda order: order.client),
        )


def newest(placed: Orders, limit: int, before: orders.Order | None = None) -> tuple[list[orders.Order], bool]:
    """The last ones, or the last before one of them, the newest first; and whether there are older ones."""
    end = len(placed) if before is None else bisect_left(placed, _when(before), key=_when)
    begin = max(0, end - limit)
    return list(reversed(placed[begin:end])), begin > 0


def _when(order: orders.Order) -> tuple[str, str]:
    return order.created, order.id


def _by(placed: Sequence[orders.Order], whose: Callable[[orders.Order], str]) -> dict[str, Orders]:
    found: dict[str, list[orders.Order]] = {}
    for order in placed:
        found.setdefault(whose(order), []).append(order)
    return {each: tuple(theirs) for each, theirs in found.items()}


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


class OrderBook(OrderIndex):
    """The orders, as the service sees them and places more."""

    def __init__(self, state: StateFolder, limits: Limits, vault: Vault) -> None:
        super().__init__(state)
        self._limits = limits
        self._vault = vault
        self._placing = threading.Lock()

    def place(
        self,
        *,
        key: str | None,
        user: str,
        client: str,
        action: Action,
        parameters: dict[str, Any],
        credential: Credential | None,
    ) -> tuple[orders.Order, bool]:
        """The order of that key, and whether it is new; asked again with the same content it is the same order.

        Raises:
            UsageError: the key belongs to an order with other content, or there is no room for another order.
        """
        key = key or secrets.token_urlsafe(16)
        order_id = _id_of(client, user, key)
        content = json.dumps([action.value, parameters], sort_keys=True, separators=(",", ":"))
        order = orders.Order(
            id=order_id,
            key=key,
            user=user,
            client=client,
            action=action,
            parameters=parameters,
            content_sha256=hashlib.sha256(content.encode()).hexdigest(),
            created=utc_now_exactly(),
        )
        known = self.find(order_id)
        if known is None:
            self._require_disk(user)  # it takes its time: others may place theirs meanwhile
            with self._placing:
                known = self.find(order_id)
                if known is None:
                    self._require_room(user, client)
                    known = self._write(order, credential)
        if known.content_sha256 != order.content_sha256:
            raise UsageError(
                "order.other_content",
                "an order with this key was placed already, and it asks for something else",
                where="key",
                hint="Send the same content again, or give the new order a key of its own.",
            )
        return known, known is order

    def queue(self) -> list[str]:
        """Ids of the orders that wait, the next one first."""
        not_over = self._not_over()
        waiting = (order for order, stage in not_over if stage is orders.Stage.QUEUED)
        under_way = [order for order, stage in not_over if stage is not orders.Stage.QUEUED]
        return [order.id for order in orders.in_turns(waiting, under_way)]

    def _not_over(self) -> list[tuple[orders.Order, orders.Stage]]:
        found = ((known.order, known.state().stage) for known in self.unsettled())
        return [(order, stage) for order, stage in found if not stage.is_over]

    def _require_room(self, user: str, client: str) -> None:
        not_over = [order for order, _stage in self._not_over()]
        if len(not_over) >= self._limits.queued:
            raise UsageError(
                "order.queue_full",
                f"{len(not_over)} orders are waiting or under way, more are not accepted now",
                hint="Try again when some of them are over.",
            )
        own = sum(order.user == user for order in not_over)
        if own >= self._limits.per_user:
            raise UsageError(
                "order.too_many",
                f"you have {own} orders that are not over, more are not accepted",
                hint="Wait for one of them, or stop one.",
            )
        if sum(order.client == client for order in not_over) >= self._limits.of_one_client:
            raise UsageError(
                "order.too_many_of_client",
                f"{self._limits.of_one_client} orders of {client} are not over, more are not accepted",
                hint="Wait for one of them. The operator can raise `limits.per_client` in service.yaml.",
            )

    def _require_disk(self, user: str) -> None:
        most, held = self._limits.user_gb, self.bytes_of_user(user) / 1e9
        if held >= most:
            raise UsageError(
                "order.disk_full",
                f"your orders fill {held:.1f} GB of disk, and {most} GB are yours",
                hint="The operator can remove orders that are over, or raise `limits.user_gb` in service.yaml.",
            )

    def _write(self, order: orders.Order, credential: Credential | None) -> orders.Order:
        beside = self._state.orders / f".new-{secrets.token_hex(8)}"
        beside.mkdir(mode=0o770)
        try:
            write_atomically(beside / orders.ORDER_FILE, order.model_dump_json(indent=1) + "\n")
            if credential is not None:
                self._vault.keep(beside, order.id, credential)
            # whole or not at all; a folder of that name that is there already is not replaced
            beside.rename(self._state.orders / order.id)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            if (known := self.find(order.id)) is not None:
                return known  # another service placed it in this moment
            raise
        return order


def _id_of(client: str, user: str, key: str) -> str:
    """The same key of the same user is the same folder, so that two requests at once cannot make two orders."""
    digest = hashlib.sha256("\0".join((client, user, key)).encode()).digest()
    return b32encode(digest).decode().lower()[:_ID_LETTERS]
