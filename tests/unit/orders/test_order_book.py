"""The order book: what others write into the folders is seen, and everybody gets their turn."""

import shutil
from pathlib import Path

import pytest

from loghi_runner.errors import UsageError
from loghi_runner.orders.actions import Action
from loghi_runner.orders.config import Limits
from loghi_runner.orders.order_book import OrderBook, newest
from loghi_runner.orders.orders import OrderState, PushState, Stage
from loghi_runner.orders.state import StateFolder, Vault, open_state


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    state = open_state(tmp_path / "state")
    state.begin_orders()
    state.begin_work()
    return state


def book_of(state: StateFolder, **limits: int) -> OrderBook:
    return OrderBook(state, Limits.model_validate(limits), Vault(state.key()))


def placed(book: OrderBook, user: str = "ada", key: str | None = None, pages: str = "p") -> str:
    parameters = {"name": "n", "source": {"pages": pages}}
    client = user.partition(":")[0]
    order, _ = book.place(
        key=key, user=user, client=client, action=Action.CHECK, parameters=parameters, credential=None
    )
    return order.id


def test_orders_that_another_service_places_or_removes_are_seen(state: StateFolder) -> None:
    ours, theirs = book_of(state), book_of(state)
    first = placed(theirs, key="k")
    assert [order.id for order in ours.of_user("ada")] == [first]
    second = placed(theirs)
    assert [order.id for order in newest(ours.all(), 9)[0]] == [second, first]
    shutil.rmtree(ours.folder(first).path)
    assert ours.find(first) is None
    assert placed(theirs, key="k", pages="other") == first
    found = ours.find(first)
    assert found is not None
    assert found.parameters["source"] == {"pages": "other"}


def test_an_order_that_was_removed_takes_its_state_along(state: StateFolder) -> None:
    book = book_of(state)
    order_id = placed(book, key="k")
    folder = book.folder(order_id)
    folder.write_state(OrderState(stage=Stage.FINISHED))
    assert book.state_of(order_id).stage is Stage.FINISHED
    shutil.rmtree(folder.path)
    shutil.rmtree(folder.work)
    placed(book, key="k")
    assert book.queue() == [order_id]
    assert book.state_of(order_id).stage is Stage.QUEUED


def test_results_that_wait_are_seen_being_pushed_and_pushed(state: StateFolder) -> None:
    book = book_of(state, queued=1)
    order_id = placed(book)
    folder = book.folder(order_id)
    for stage, pushed in ((Stage.FINISHED, PushState.PARKED), (Stage.PUSHING, PushState.PARKED)):
        folder.write_state(OrderState(stage=stage, pushed=pushed))
        assert book.state_of(order_id).stage is stage
    with pytest.raises(UsageError, match="waiting or under way"):
        placed(book)
    folder.write_state(OrderState(stage=Stage.FINISHED, pushed=PushState.DONE))
    assert book.state_of(order_id).pushed is PushState.DONE
    placed(book)


def test_an_order_that_cannot_be_read_hides_no_other(state: StateFolder) -> None:
    book = book_of(state)
    damaged, whole = placed(book), placed(book)
    (book.folder(damaged).path / "order.json").write_bytes(b"{")
    again = book_of(state)
    assert [order.id for order in again.all()] == [whole]
    assert again.queue() == [whole]


def test_a_state_that_cannot_be_read_is_told_and_hides_no_other(state: StateFolder) -> None:
    book = book_of(state)
    broken, whole = placed(book), placed(book)
    book.folder(broken).state_file.mkdir(parents=True)
    error = book.state_of(broken).error
    assert error is not None
    assert error.code == "order.broken_state"
    assert book.queue() == [whole]


def test_users_of_one_client_take_turns_and_so_do_clients(state: StateFolder) -> None:
    book = book_of(state)
    alice = [placed(book, "transkribo:alice") for _ in range(2)]
    ben = placed(book, "transkribo:ben")
    ada = [placed(book, "ada") for _ in range(2)]
    assert book.queue() == [alice[0], ada[0], ben, ada[1], alice[1]]


def test_who_has_an_order_under_way_has_had_a_turn(state: StateFolder) -> None:
    book = book_of(state)
    running, bobs = placed(book, "bob"), placed(book, "bob")
    adas = placed(book, "ada")
    book.folder(running).write_state(OrderState(stage=Stage.TRAINING))
    assert book.queue() == [adas, bobs]


def test_what_a_user_may_fill_counts_all_of_theirs_and_nobody_elses(state: StateFolder) -> None:
    book = book_of(state, user_gb=1)
    for _ in range(2):
        folder = book.folder(placed(book, "bob"))
        folder.work.mkdir()
        with (folder.work / "model.zip").open("wb") as file:
            file.truncate(600_000_000)  # takes no room here
    with pytest.raises(UsageError, match=r"fill 1\.2 GB of disk, and 1 GB are yours"):
        placed(book_of(state, user_gb=1), "bob")
    placed(book, "ada")


def test_a_limit_for_a_client_is_for_all_its_users_together(state: StateFolder) -> None:
    book = book_of(state, per_client=2)
    placed(book, "transkribo:alice"), placed(book, "transkribo:ben")
    with pytest.raises(UsageError, match="2 orders of transkribo are not over"):
        placed(book, "transkribo:carol")
    placed(book, "ada")
