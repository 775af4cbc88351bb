"""All orders of a state folder, as the service sees them: placed, found, counted."""

import hashlib
import json
import secrets
import shutil
import threading
from base64 import b32encode
from typing import Any  # parameters as JSON have no narrower type

from loghi_runner.clock import utc_now_exactly
from loghi_runner.errors import UsageError
from loghi_runner.files import is_folder, write_atomically
from loghi_runner.orders.actions import Action
from loghi_runner.orders.config import Limits
from loghi_runner.orders.credentials import Credential, Vault
from loghi_runner.orders.orders import (
    ORDER_FILE,
    Order,
    OrderFolder,
    OrderState,
    Stage,
    list_orders,
    queue_order,
)
from loghi_runner.orders.state import StateFolder

_ID_LETTERS = 16


class OrderBook:
    """All orders of a state folder, as the service sees them."""

    def __init__(self, state: StateFolder, limits: Limits, vault: Vault) -> None:
        self._state = state
        self._limits = limits
        self._vault = vault
        self._placing = threading.Lock()
        self._orders: dict[str, Order] = {}
        self._states: dict[str, tuple[tuple[int, int], OrderState]] = {}

    def place(
        self,
        *,
        key: str | None,
        user: str,
        client: str,
        action: Action,
        parameters: dict[str, Any],
        credential: Credential | None,
    ) -> tuple[Order, bool]:
        """The order of that key, and whether it is new; asked again with the same content it is the same order.

        Raises:
            UsageError: the key belongs to an order with other content, or there are too many orders.
        """
        key = key or secrets.token_urlsafe(16)
        order_id = _id_of(client, user, key)
        content = json.dumps([action.value, parameters], sort_keys=True, separators=(",", ":"))
        order = Order(
            id=order_id,
            key=key,
            user=user,
            client=client,
            action=action,
            parameters=parameters,
            content_sha256=hashlib.sha256(content.encode()).hexdigest(),
            created=utc_now_exactly(),
        )
        with self._placing:
            known = self.find(order_id)
            if known is None:
                self._require_room(user)
                known = self._write(order, credential)
        if known.content_sha256 != order.content_sha256:
            raise UsageError(
                "order.other_content",
                "an order with this key was placed already, and it asks for something else",
                where="key",
                hint="Send the same content again, or give the new order a key of its own.",
            )
        return known, known is order

    def find(self, order_id: str) -> Order | None:
        """None where there is no such order, or no longer: the operator may remove what is over."""
        if len(order_id) != _ID_LETTERS or not order_id.isalnum():
            return None
        folder = self.folder(order_id)
        if order_id in self._orders and is_folder(folder.path):
            return self._orders[order_id]
        try:
            order = self._orders[order_id] = folder.read_order()
        except (OSError, ValueError):
            self._orders.pop(order_id, None)
            return None
        return order

    def folder(self, order_id: str) -> OrderFolder:
        return OrderFolder(self._state.orders / order_id)

    def state_of(self, order_id: str) -> OrderState:
        """The state as the worker has written it last; read again only when the file is another."""
        folder = self.folder(order_id)
        try:
            found = folder.state_file.stat()
        except FileNotFoundError:
            return OrderState()
        version = (found.st_ino, found.st_mtime_ns)
        known = self._states.get(order_id)
        if known is None or known[0] != version:
            known = self._states[order_id] = (version, folder.read_state())
        return known[1]

    def all(self) -> list[Order]:
        """The newest first."""
        found = (self.find(folder.id) for folder in list_orders(self._state))
        return sorted((order for order in found if order is not None), key=lambda order: order.created, reverse=True)

    def queue(self) -> list[str]:
        """Ids of the orders that wait, the next one first."""
        waiting = [order for order in self.all() if self.state_of(order.id).stage is Stage.QUEUED]
        return [order.id for order in sorted(waiting, key=queue_order)]

    def _require_room(self, user: str) -> None:
        under_way = [order for order in self.all() if not self.state_of(order.id).stage.is_over]
        if len(under_way) >= self._limits.queued:
            raise UsageError(
                "order.queue_full",
                f"{len(under_way)} orders are waiting or under way, more are not accepted now",
                hint="Try again when some of them are over.",
            )
        own = sum(order.user == user for order in under_way)
        if own >= self._limits.per_user:
            raise UsageError(
                "order.too_many",
                f"you have {own} orders that are not over, more are not accepted",
                hint="Wait for one of them, or cancel one.",
            )

    def _write(self, order: Order, credential: Credential | None) -> Order:
        beside = self._state.orders / f".new-{secrets.token_hex(8)}"
        beside.mkdir(mode=0o770)
        try:
            write_atomically(beside / ORDER_FILE, order.model_dump_json(indent=1) + "\n")
            if credential is not None:
                self._vault.keep(beside, order.id, credential)
            # whole or not at all; a folder of that name that is there already is not replaced
            beside.rename(self._state.orders / order.id)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            if (known := self.find(order.id)) is not None:
                return known  # another service placed it in this moment
            raise
        self._orders[order.id] = order
        return order


def _id_of(client: str, user: str, key: str) -> str:
    """The same key of the same user is the same folder, so that two requests at once cannot make two orders."""
    digest = hashlib.sha256("\0".join((client, user, key)).encode()).digest()
    return b32encode(digest).decode().lower()[:_ID_LETTERS]
