"""What a platform is told of its users' orders, and what it can ask for."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from loghi_contract.events import Epoch, Event
from loghi_runner.errors import PlatformError
from loghi_runner.orders.platform_progress import TASK_FILE, PlatformProgress, report_of
from loghi_runner.platform.base import Outcome, PlatformConnection, Report
from tests.made_service import MadeService, finetuning, wait_for

SOURCE = {"platform": "escriptorium", "document": "12", "layer": "3"}
LONG_S = 3600.0


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
    monkeypatch.setattr("loghi_runner.orders.lookup.open_platform", fake.opened)
    return fake


@pytest.fixture
def report(tmp_path: Path, platform: FakePlatform) -> Callable[[], Report]:
    """How each process of an order opens the platform's task of it."""
    made = MadeService(tmp_path, platforms={"escriptorium": {"url": "https://e.example.org"}})
    order_id = made.post("/api/v1/orders", finetuning(source=SOURCE) | {"platform_token": "f" * 40}, "boss").json()[
        "id"
    ]
    folder = made.order_folder(order_id)
    folder.work.mkdir(parents=True)
    lookup = made.app.state.services.orders.lookup
    return lambda: report_of(folder.read_order(), folder, lookup, "f" * 40)


def test_a_platform_sees_a_task_from_the_beginning_to_the_end(
    report: Callable[[], Report], platform: FakePlatform
) -> None:
    progress = PlatformProgress(report, lambda: None, LONG_S)
    progress.say("pulling")
    progress.say_event(Event(1, 0.0, "run", Epoch(1, 3, 9.0, 0.1, 0.2, 0.001, 2.0, True)))
    progress.end(Outcome.FINISHED, "finished")
    opened, task, *told, last = platform.told
    assert (opened, task, last) == ("opened with ffff", "Loghi: bonnevie of 12, known None", "finished: finished")
    assert told[0] == "pulling"
    assert told[1].startswith("epoch 1 of 3")


def test_after_a_restart_the_same_task_goes_on(report: Callable[[], Report], platform: FakePlatform) -> None:
    for _ in range(2):
        progress = PlatformProgress(report, lambda: None, LONG_S)
        progress.say("training")
        progress.end(Outcome.FINISHED, "finished")
    assert "Loghi: bonnevie of 12, known 44" in platform.told


def test_what_is_under_way_is_shown_where_nothing_was_said_for_a_while(
    report: Callable[[], Report], platform: FakePlatform
) -> None:
    is_shown = threading.Event()
    progress = PlatformProgress(report, lambda: None, 0.01)
    progress.say("pulling")
    progress.show(lambda: is_shown.set() or "pulling: 3 of 8")
    assert is_shown.wait(60)
    progress.end(Outcome.FINISHED, "finished")
    assert "pulling: 3 of 8" in platform.told


def test_a_user_of_the_platform_can_end_the_order_there(report: Callable[[], Report], platform: FakePlatform) -> None:
    is_ended = threading.Event()
    platform.wants_cancel = True
    progress = PlatformProgress(report, is_ended.set, LONG_S)
    progress.say("training")
    assert is_ended.wait(60)
    assert progress.was_cancelled
    progress.end(Outcome.CANCELLED, "cancelled")


def test_a_platform_that_cannot_be_told_ends_nothing(report: Callable[[], Report], platform: FakePlatform) -> None:
    platform.is_away = True
    progress = PlatformProgress(report, lambda: None, LONG_S)
    progress.say("pulling")
    progress.say("training")
    progress.end(Outcome.FINISHED, "finished")
    assert set(platform.told) == {"opened with ffff"}


def test_the_worker_tells_the_end_of_an_order_whose_process_cannot(
    tmp_path: Path, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loghi_runner.orders.processes.COMMAND", ("/bin/false",))
    made = MadeService(tmp_path, platforms={"escriptorium": {"url": "https://e.example.org"}})
    asked = finetuning(source=SOURCE) | {"platform_token": "f" * 40}
    folder = made.order_folder(made.post("/api/v1/orders", asked, "boss").json()["id"])
    folder.work.mkdir(parents=True)
    (folder.work / TASK_FILE).write_text("44", encoding="utf-8")
    made.until_over(folder.id)
    wait_for(lambda: "failed: the stage pulling ended twice without an answer" in platform.told)
    assert "Loghi: bonnevie of 12, known 44" in platform.told
