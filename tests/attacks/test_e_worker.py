"""E. Load: what one user or client can take from the others through orders."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loghi_runner.engines.processes import name_process
from loghi_runner.orders.orders import OrderState, Stage
from tests.made_service import MadeService, finetuning, use_fake_trainer, wait_for

ORDERS = "/api/v1/orders"
DAYS_AGO = (datetime.now(UTC) - timedelta(days=30)).isoformat()


def placed(made: MadeService, user: str, count: int) -> list[str]:
    orders = []
    for _ in range(count):
        orders.append(made.order(user))
    return orders


@contextlib.contextmanager
def endless(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command of an order that never ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(["/bin/sleep", "1000"], cwd=folder, start_new_session=True) as command:
        try:
            yield command
        finally:
            command.kill()


def test_a_stage_that_never_ends_is_ended(made: MadeService) -> None:
    order_id = made.order()
    folder = made.order_folder(order_id)
    made.state.begin_work()
    with endless(folder.work) as command:
        folder.write_state(OrderState(stage=Stage.CHECKING, since=DAYS_AGO, process=name_process(command.pid)))
        wait_for(lambda: made.worker.look() or folder.read_state().stage is Stage.FAILED)
        assert command.poll() is not None
    error = folder.read_state().error
    assert error is not None
    assert error.message == "the stage checking took longer than 24 hours and was ended"
    assert error.hint is not None and "limits.check_hours in service.yaml" in error.hint


def test_who_asks_for_much_waits_behind_who_asks_for_little(made: MadeService) -> None:
    bobs = placed(made, "bob", 3)
    (adas,) = placed(made, "ada", 1)
    queue = made.app.state.services.orders.book.queue()
    assert queue == [bobs[0], adas, *bobs[1:]]


def test_a_platform_with_made_up_users_leaves_room_for_others(tmp_path: Path) -> None:
    made = MadeService(tmp_path, limits={"queued": 10})
    for number in range(12):
        made.post(ORDERS, finetuning(), "transkribo", **{"Loghi-User": f"user-{number}"})
    assert made.post(ORDERS, finetuning(), "ada").status_code == 201


def test_a_check_does_not_wait_for_a_training(made: MadeService, monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_trainer(monkeypatch, "waits_for_go")
    training = made.order("bob")
    made.until(training, lambda view: bool(view["run"] and view["run"]["epochs"]))
    try:
        asked = finetuning() | {"action": "check"}
        check = made.post(ORDERS, asked, "ada").json()["id"]
        made.worker.look()
        assert made.run_view(check)["stage"] == "checking"
    finally:
        made.let_go(training)
        made.close()


def test_what_is_long_over_is_removed(tmp_path: Path) -> None:
    made = MadeService(tmp_path, limits={"keep_days": 7})
    folder = made.order_folder(made.order())
    made.state.begin_work()
    folder.write_state(OrderState(stage=Stage.FINISHED, since=DAYS_AGO))
    made.worker.look()
    assert not folder.path.exists()
    assert not folder.work.exists()


def test_one_user_cannot_fill_the_disk(tmp_path: Path) -> None:
    made = MadeService(tmp_path, limits={"user_gb": 1})
    folder = made.order_folder(made.order())
    made.state.begin_work()
    folder.write_state(OrderState(stage=Stage.FINISHED, since=DAYS_AGO))
    with (folder.work / "pages.bin").open("wb") as file:
        os.truncate(file.fileno(), 2 << 30)  # takes no room here
    assert made.post(ORDERS, finetuning()).status_code == 429


def cost_s(made: MadeService, times: int = 20) -> float:
    made.get(f"{ORDERS}?limit=1")
    began = time.process_time()
    for _ in range(times):
        made.get(f"{ORDERS}?limit=1")
    return time.process_time() - began


def test_a_list_does_not_get_slower_with_each_order_there_ever_was(made: MadeService) -> None:
    folder = made.order_folder(made.order())
    made.state.begin_work()
    folder.write_state(OrderState(stage=Stage.FINISHED, since=DAYS_AGO))
    few = cost_s(made)
    text = (folder.path / "order.json").read_text(encoding="utf-8")
    for number in range(600):
        old = made.order_folder(f"{number:016d}".translate(str.maketrans("0189", "abcd")))
        old.path.mkdir()
        (old.path / "order.json").write_text(text.replace(folder.id, old.id), encoding="utf-8")
        old.write_state(OrderState(stage=Stage.FINISHED, since=DAYS_AGO))
    assert cost_s(made) < 2 * few
