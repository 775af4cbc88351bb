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
from loghi_runner.files import write_atomically
from loghi_runner.orders.actions import Action
from loghi_runner.orders.config import Limits
from loghi_runner.orders.credentials import Credential, Vault
from loghi_runner.orders.order_index import OrderIndex, Orders
from loghi_runner.orders.orders import ORDER_FILE, Order, OrderFolder, OrderState, Stage, in_turns
from loghi_runner.orders.state import StateFolder

_ID_LETTERS = 16


class OrderBook:
    """All orders of a state folder, as the service sees them."""

    def __init__(self, state: StateFolder, limits: Limits, vault: Vault) -> None:
        self._state = state
        self._limits = limits
        self._vault = vault
        self._placing = threading.Lock()
        self._index = OrderIndex(state)

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
            UsageError: the key belongs to an order with other content, or there is no room for another order.
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

    def find(self, order_id: str) -> Order | None:
        """None where there is no such order, or no longer: what is over may be removed."""
        return self._index.find(order_id)

    def folder(self, order_id: str) -> OrderFolder:
        return self._index.folder(order_id)

    def state_of(self, order_id: str) -> OrderState:
        """The state as the worker has written it last."""
        return self._index.state_of(order_id)

    def all(self) -> Orders:
        return self._index.all()

    def of_user(self, user: str) -> Orders:
        return self._index.of_user(user)

    def of_client(self, client: str) -> Orders:
        return self._index.of_client(client)

    def queue(self) -> list[str]:
        """Ids of the orders that wait, the next one first."""
        not_over = self._index.not_over()
        waiting = (order for order, stage in not_over if stage is Stage.QUEUED)
        under_way = [order for order, stage in not_over if stage is not Stage.QUEUED]
        return [order.id for order in in_turns(waiting, under_way)]

    def _require_room(self, user: str, client: str) -> None:
        not_over = [order for order, _stage in self._index.not_over()]
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
                hint="Wait for one of them, or cancel one.",
            )
        if sum(order.client == client for order in not_over) >= self._limits.of_one_client:
            raise UsageError(
                "order.too_many_of_client",
                f"{self._limits.of_one_client} orders of {client} are not over, more are not accepted",
                hint="Wait for one of them. The operator can raise `limits.per_client` in service.yaml.",
            )

    def _require_disk(self, user: str) -> None:
        most, held = self._limits.user_gb, self._index.bytes_of_user(user) / 1e9
        if held >= most:
            raise UsageError(
                "order.disk_full",
                f"your orders fill {held:.1f} GB of disk, and {most} GB are yours",
                hint="The operator can remove orders that are over, or raise `limits.user_gb` in service.yaml.",
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
        return order


def _id_of(client: str, user: str, key: str) -> str:
    """The same key of the same user is the same folder, so that two requests at once cannot make two orders."""
    digest = hashlib.sha256("\0".join((client, user, key)).encode()).digest()
    return b32encode(digest).decode().lower()[:_ID_LETTERS]
