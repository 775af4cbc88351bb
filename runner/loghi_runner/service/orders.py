"""Orders: what somebody asked for, one folder each; the service writes and reads them, the worker carries them out."""

import hashlib
import json
import os
import secrets
import shutil
import threading
from base64 import b32encode
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any  # parameters as JSON have no narrower type

from pydantic import BaseModel, ConfigDict, ValidationError

from loghi_runner.errors import UsageError
from loghi_runner.files import write_atomically
from loghi_runner.rundir import RunFolder
from loghi_runner.service.actions import PARAMETERS, Action, Parameters
from loghi_runner.service.config import Limits
from loghi_runner.service.credentials import Credential, Vault
from loghi_runner.service.state import StateFolder

ORDER_FILE = "order.json"
STATE_FILE = "state.json"
CANCEL_MARK = "cancel"
PUSH_MARK = "push"

_ID_LETTERS = 16


class Stage(str, Enum):
    """How far an order is, in this order; the last three are the end."""

    QUEUED = "queued"
    PULLING = "pulling"
    CHECKING = "checking"
    TRAINING = "training"
    RECOGNIZING = "recognizing"
    EVALUATING = "evaluating"
    PUSHING = "pushing"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self in (Stage.FINISHED, Stage.FAILED, Stage.CANCELLED)


class PushState(str, Enum):
    """`parked`: the results are kept here, and can be pushed later."""

    DONE = "done"
    PARKED = "parked"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Fault(_Record):
    """Why an order has no good end, or why its results are parked."""

    code: str
    message: str
    hint: str | None = None
    where: str | None = None


class ModelFile(_Record):
    """The archive of best_val: written once, never changed."""

    sha256: str
    bytes: int


class Order(_Record):
    """order.json, written once. `user` is whose it is: a client's name, or `client:user` of a platform."""

    id: str
    key: str
    user: str
    client: str
    action: Action
    parameters: dict[str, Any]
    content_sha256: str
    created: str

    @property
    def asked(self) -> Parameters:
        return PARAMETERS[self.action].model_validate(self.parameters)

    @property
    def name(self) -> str:
        return str(self.parameters.get("name", self.id))


class OrderState(_Record):
    """state.json, written by the worker alone; without it the order is queued.

    `process` is the command under way, by id and start; `attempt` counts how often the stage was begun.
    `cancelling` is the process that stops the run. `answer` is what the last command answered, such as findings.
    """

    stage: Stage = Stage.QUEUED
    since: str = ""
    process: str | None = None
    cancelling: str | None = None
    attempt: int = 0
    message: str | None = None
    error: Fault | None = None
    pushed: PushState | None = None
    layer: str | None = None
    layer_url: str | None = None
    model: ModelFile | None = None
    answer: dict[str, Any] | None = None


class OrderFolder:
    """Where things are in an order's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def config_file(self) -> Path:
        return self.path / "config.yaml"

    @property
    def pages(self) -> Path:
        """Ground truth from a platform."""
        return self.path / "pages"

    @property
    def to_read(self) -> Path:
        """Pages from a platform that the model shall read."""
        return self.path / "to_read"

    @property
    def recognized(self) -> Path:
        return self.path / "recognized"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def model_archive(self) -> Path:
        return self.path / "model.zip"

    def answer_file(self, stage: Stage) -> Path:
        """What the stage's command wrote on standard output: JSON lines."""
        return self.path / f"{stage.value}.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "worker.log"

    def run(self) -> RunFolder | None:
        """The one run that the order has become, if it has."""
        try:
            found = sorted(path for path in self.runs.iterdir() if (path / "run.json").is_file())
        except OSError:
            return None
        return RunFolder(found[-1]) if found else None

    def has_mark(self, name: str) -> bool:
        return (self.path / name).exists()

    def mark(self, name: str) -> None:
        (self.path / name).touch(mode=0o660)

    def unmark(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def read_order(self) -> Order:
        """Raises OSError or ValueError where it is not there or damaged."""
        return Order.model_validate_json((self.path / ORDER_FILE).read_bytes())

    def read_state(self) -> OrderState:
        """Raises OSError where it is there and cannot be read."""
        try:
            return OrderState.model_validate_json((self.path / STATE_FILE).read_bytes())
        except FileNotFoundError:
            return OrderState()
        except ValidationError:
            fault = Fault(code="order.broken_state", message="the record of this order's state cannot be read")
            return OrderState(stage=Stage.FAILED, error=fault)

    def write_state(self, state: OrderState) -> None:
        write_atomically(self.path / STATE_FILE, state.model_dump_json(indent=1, exclude_none=True) + "\n")


class OrderBook:
    """All orders of a state folder, as the service sees them."""

    def __init__(self, state: StateFolder, limits: Limits, vault: Vault) -> None:
        self._state = state
        self._limits = limits
        self._vault = vault
        self._placing = threading.Lock()
        self._orders: dict[str, Order] = {}

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
            created=utc_now(),
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
        order = self._orders.get(order_id)
        if order is None and len(order_id) == _ID_LETTERS and order_id.isalnum():
            try:
                order = self.folder(order_id).read_order()
            except (OSError, ValueError):
                return None
            self._orders[order_id] = order
        return order

    def folder(self, order_id: str) -> OrderFolder:
        return OrderFolder(self._state.orders / order_id)

    def all(self) -> list[Order]:
        """The newest first."""
        found = (self.find(folder.id) for folder in list_orders(self._state))
        return sorted((order for order in found if order is not None), key=lambda order: order.created, reverse=True)

    def queue(self) -> list[str]:
        """Ids of the orders that wait, the next one first."""
        waiting = [order for order in self.all() if self.folder(order.id).read_state().stage is Stage.QUEUED]
        return [order.id for order in sorted(waiting, key=queue_order)]

    def _require_room(self, user: str) -> None:
        under_way = [order for order in self.all() if not self.folder(order.id).read_state().stage.is_over]
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


def list_orders(state: StateFolder) -> Iterator[OrderFolder]:
    with os.scandir(state.orders) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                yield OrderFolder(Path(entry.path))


def queue_order(order: Order) -> tuple[str, str]:
    """First come, first served."""
    return order.created, order.id


def utc_now() -> str:
    # with parts of a second, unlike a run's times: the queue is sorted by them
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _id_of(client: str, user: str, key: str) -> str:
    """The same key of the same user is the same folder, so that two requests at once cannot make two orders."""
    digest = hashlib.sha256("\0".join((client, user, key)).encode()).digest()
    return b32encode(digest).decode().lower()[:_ID_LETTERS]
