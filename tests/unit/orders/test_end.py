"""Nothing is left of an order that is removed, whenever its removal was broken off."""

import shutil
from pathlib import Path

import pytest

from loghi_runner.orders.end import finish_removals, remove_order
from loghi_runner.orders.orders import OrderFolder, OrderState, Stage
from loghi_runner.orders.state import StateFolder, open_state


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    state = open_state(tmp_path / "state")
    state.begin_orders()
    state.begin_work()
    return state


def add_order(state: StateFolder, stage: Stage) -> OrderFolder:
    folder = OrderFolder(state.orders / "aaaabbbbccccdddd")
    folder.path.mkdir()
    folder.write_state(OrderState(stage=stage))
    return folder


@pytest.mark.parametrize("after", [0, 1])
def test_a_removal_that_was_broken_off_is_finished(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    folder = add_order(state, Stage.FINISHED)
    removed: list[Path] = []

    def broken_off(path: Path) -> None:
        if len(removed) == after:
            raise KeyboardInterrupt
        removed.append(path)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", broken_off)
        with pytest.raises(KeyboardInterrupt):
            remove_order(folder)
    assert not folder.path.exists()
    assert not folder.work.exists()
    finish_removals(state)
    assert [*state.orders.iterdir(), *state.work.iterdir()] == []


def test_the_same_that_was_ordered_anew_meanwhile_stays(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = add_order(state, Stage.FINISHED)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda _path: None)
        remove_order(folder)
    add_order(state, Stage.TRAINING)
    finish_removals(state)
    assert folder.path.exists()
    assert folder.read_state().stage is Stage.TRAINING
    assert len([*state.orders.iterdir(), *state.work.iterdir()]) == 2
