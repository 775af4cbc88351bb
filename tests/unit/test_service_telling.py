"""What a platform is told of its users' orders, and what it can ask for."""

from concurrent.futures import wait
from pathlib import Path

import pytest

from loghi_runner.errors import PlatformError
from loghi_runner.orders.orders import CANCEL_MARK, Order, OrderFolder, OrderState, Stage
from loghi_runner.orders.telling import Teller
from loghi_runner.platform.base import Outcome, PlatformConnection
from tests.made_service import MadeService, finetuning

SOURCE = {"platform": "escriptorium", "document": "12", "layer": "3"}


class FakePlatform:
    """Shows one task, and remembers all that it was told."""

    id = 44
    is_away = False
    wants_cancel = False

    def __init__(self) -> None:
        self.told: list[str] = []

    def opened(self, _connection: PlatformConnection, token: str) -> "FakePlatform":
        self.told.append(f"opened with {token[:4]}")
        return self

    def report(self, document_id: int, title: str, known: int | None = None) -> "FakePlatform":
        if self.is_away:
            raise PlatformError("platform.unreachable", "it does not answer")
        self.told.append(f"{title} of {document_id}, known {known}")
        return self

    def update(self, message: str) -> None:
        self.told.append(message)

    def is_cancelled(self) -> bool:
        return self.wants_cancel

    def end(self, outcome: Outcome, message: str) -> None:
        self.told.append(f"{outcome.value}: {message}")


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    fake = FakePlatform()
    monkeypatch.setattr("loghi_runner.orders.telling.open_platform", fake.opened)
    return fake


@pytest.fixture
def placed(tmp_path: Path) -> tuple[MadeService, Order, OrderFolder]:
    token = tmp_path / "token"
    token.write_text("f" * 40, encoding="utf-8")
    token.chmod(0o600)
    made = MadeService(tmp_path, platforms={"escriptorium": {"url": "https://e.example.org", "token_file": "token"}})
    order_id = made.post("/api/v1/orders", finetuning(source=SOURCE), "boss").json()["id"]
    folder = made.order_folder(order_id)
    folder.write_state(OrderState())
    return made, folder.read_order(), folder


def tell(teller: Teller, order: Order, folder: OrderFolder, *stages: Stage) -> None:
    for stage in stages:
        teller.tell(order, folder, OrderState(stage=stage))
        told = teller._told.get(order.id)  # what is under way; nothing else of it is looked at
        if told is not None and told.under_way is not None:
            wait([told.under_way])


def test_a_platform_sees_a_task_from_the_beginning_to_the_end(
    placed: tuple[MadeService, Order, OrderFolder], platform: FakePlatform
) -> None:
    made, order, folder = placed
    teller = Teller(made.app.state.services.orders.commands)
    tell(teller, order, folder, Stage.QUEUED, Stage.PULLING, Stage.TRAINING, Stage.TRAINING)
    told = teller._told[order.id]
    tell(teller, order, folder, Stage.FINISHED)
    assert told.under_way is not None
    wait([told.under_way])
    expected = ["opened with ffff", "Loghi: bonnevie of 12, known None", "pulling", "training", "finished: finished"]
    assert platform.told == expected


def test_after_a_restart_the_same_task_goes_on(
    placed: tuple[MadeService, Order, OrderFolder], platform: FakePlatform
) -> None:
    made, order, folder = placed
    for _ in range(2):
        tell(Teller(made.app.state.services.orders.commands), order, folder, Stage.TRAINING)
    assert "Loghi: bonnevie of 12, known 44" in platform.told


def test_a_user_of_the_platform_can_end_the_order_there(
    placed: tuple[MadeService, Order, OrderFolder], platform: FakePlatform
) -> None:
    made, order, folder = placed
    platform.wants_cancel = True
    tell(Teller(made.app.state.services.orders.commands), order, folder, Stage.TRAINING)
    assert folder.has_mark(CANCEL_MARK)


def test_a_platform_that_cannot_be_told_ends_nothing(
    placed: tuple[MadeService, Order, OrderFolder], platform: FakePlatform
) -> None:
    made, order, folder = placed
    platform.is_away = True
    tell(Teller(made.app.state.services.orders.commands), order, folder, Stage.PULLING, Stage.TRAINING)
    assert folder.read_state().stage is Stage.QUEUED
