"""Orders: what somebody asked for, one folder each; the service writes them, the worker carries them out."""

import contextlib
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any  # parameters as JSON have no narrower type

from pydantic import BaseModel, ConfigDict, ValidationError

from loghi_contract.files import read_plain
from loghi_runner.files import write_atomically
from loghi_runner.orders import actions
from loghi_runner.orders.state import ORDERS, WORK, StateFolder
from loghi_runner.runs.folder import RunFolder

ORDER_FILE = "order.json"
CANCEL_MARK = "cancel"
PUSH_MARK = "push"

#: Anything else in `orders/` is none of the service's.
_ID = re.compile(r"[a-z2-7]{16}")
#: Two full lists of pages are below one.
_MAX_ORDER_BYTES = 4 << 20


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


class ArchiveFile(_Record):
    """A zip of what came of an order: written once, never changed."""

    sha256: str
    bytes: int


class Order(_Record):
    """order.json, written once. `user` is whose it is: a client's name, or `client:user` of a platform."""

    id: str
    key: str
    user: str
    client: str
    action: actions.Action
    parameters: dict[str, Any]
    content_sha256: str
    created: str

    @property
    def asked(self) -> actions.Parameters:
        return actions.PARAMETERS[self.action].model_validate(_as_now(self.parameters))

    @property
    def name(self) -> str:
        return str(self.parameters.get("name", self.id))

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages between `queued` and the end, in their order."""
        asked = self.asked
        pull = (Stage.PULLING,) if isinstance(asked.source, actions.PlatformPages) else ()
        if isinstance(asked, actions.CheckParameters):
            return (*pull, Stage.CHECKING)
        if isinstance(asked, actions.EvaluateParameters):
            return (*pull, Stage.EVALUATING)
        push = (Stage.PUSHING,) if asked.write_back else ()
        if isinstance(asked, actions.RecognizeParameters):
            return (*pull, Stage.RECOGNIZING, *push)
        read = (Stage.RECOGNIZING,) if asked.recognize_pages else ()
        return (*pull, Stage.TRAINING, *read, *push)


class CardWait(_Record):
    """How an order waits for a graphics card: its place among all runs on that machine that do, and since when."""

    position: int
    of: int
    since: str
    reason: str


class OrderState(_Record):
    """state.json, written on the worker's side alone; without it the order is queued.

    While the order's process lives, it alone writes this; before and after, the worker does. `process` is its name, by
    id and start; `attempt` counts how often the stage was begun; `answer` is the last stage's, such as findings.
    `waiting` is there while it waits for a graphics card; `waited_s` is how long it did so before in this stage.
    """

    stage: Stage = Stage.QUEUED
    since: str = ""
    process: str | None = None
    attempt: int = 0
    message: str | None = None
    waiting: CardWait | None = None
    waited_s: float = 0.0
    error: Fault | None = None
    pushed: PushState | None = None
    layer: str | None = None
    layer_url: str | None = None
    model: ArchiveFile | None = None
    texts: ArchiveFile | None = None
    answer: dict[str, Any] | None = None


class OrderFolder:
    """Where things are: `path` is the service's part of an order, `work` the worker's, which the service only reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self.work = work = path.parent.parent / WORK / path.name
        self.state_file = work / "state.json"
        #: ground truth from a platform
        self.pages = work / "pages"
        #: pages from a platform that the model shall read
        self.to_read = work / "to_read"
        self.recognized = work / "recognized"
        #: the report of an evaluation
        self.evaluation = work / "evaluation"
        self.runs = work / "runs"
        self.model_archive = work / "model.zip"
        self.texts_archive = work / "texts.zip"

    @classmethod
    def of_work(cls, work: Path) -> "OrderFolder":
        return cls(work.parent.parent / ORDERS / work.name)

    def run(self) -> RunFolder | None:
        """The one run that the order has become, if it has."""
        try:
            found = sorted(path for path in self.runs.glob("[!.]*") if (path / "run.json").is_file())
        except OSError:
            return None
        return RunFolder(found[-1]) if found else None

    def has_mark(self, name: str) -> bool:
        try:
            return stat.S_ISREG((self.path / name).lstat().st_mode)
        except OSError:
            return False

    def mark(self, name: str) -> None:
        # never through a link: the folder is the service's, and the worker marks, too
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o660))

    def unmark(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def read_order(self) -> Order:
        """Raises OSError or ValueError where it is not there or damaged."""
        order = Order.model_validate_json(read_plain(self.path / ORDER_FILE, _MAX_ORDER_BYTES, follow_links=False))
        if order.id != self.id:
            raise ValueError(f"it is the order {order.id[:40]!r}, in another's folder")
        return order

    def read_state(self) -> OrderState:
        """Raises OSError where it is there and cannot be read."""
        try:
            return OrderState.model_validate_json(self.state_file.read_bytes())
        except FileNotFoundError:
            return OrderState()
        except ValidationError:
            fault = Fault(code="order.broken_state", message="the record of this order's state cannot be read")
            return OrderState(stage=Stage.FAILED, error=fault)

    def write_state(self, state: OrderState) -> None:
        self.work.mkdir(parents=True, exist_ok=True)
        write_atomically(self.state_file, state.model_dump_json(indent=1, exclude_none=True) + "\n")


def order_folders(state: StateFolder) -> dict[str, int]:
    """Ids of all orders, each with its folder's number on the disk; one that is made again has another."""
    if not state.orders.is_dir():
        return {}  # no service has begun yet
    with os.scandir(state.orders) as entries:
        found = (entry for entry in entries if _ID.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False))
        return {entry.name: entry.inode() for entry in found}


def _as_now(parameters: dict[str, Any]) -> dict[str, Any]:
    """What an order says that was placed by an earlier version: there an empty list stood for every page."""
    source = parameters.get("source")
    if not isinstance(source, dict) or source.get("pages") != []:
        return parameters
    return parameters | {"source": {key: value for key, value in source.items() if key != "pages"}}


def in_turns(waiting: Iterable[Order], under_way: Sequence[Order]) -> list[Order]:
    """Orders that wait, the next one first: clients take turns, so do the users of each, whose own come as placed.

    Who has an order under way has had a turn already.
    """
    as_placed = sorted(waiting, key=lambda order: (order.created, order.id))
    by_user = _in_turns(as_placed, under_way, lambda order: (order.client, order.user))
    return _in_turns(by_user, under_way, lambda order: order.client)


def _in_turns(waiting: list[Order], under_way: Sequence[Order], whose: Callable[[Order], object]) -> list[Order]:
    """Everybody's first, then everybody's second, and so on; what has the same turn stays in its order."""
    had = Counter(map(whose, under_way))
    turns = []
    for order in waiting:
        turns.append(had[whose(order)])
        had[whose(order)] += 1
    return [order for _turn, order in sorted(zip(turns, waiting, strict=True), key=lambda pair: pair[0])]
