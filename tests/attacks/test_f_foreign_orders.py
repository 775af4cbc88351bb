"""F. What others have put into `orders/` and `work/`: a service that was taken over, or a person."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loghi_runner.orders.orders import CANCEL_MARK, Stage, order_folders
from tests.made_service import MadeService, wait_for


def _spoil(made: MadeService, order_id: str, **changes: object) -> Path:
    """An order that fails at once when its turn comes."""
    file = made.order_folder(order_id).path / "order.json"
    order = json.loads(file.read_text(encoding="utf-8"))
    order["parameters"] |= {"engine": {"image": "evil"}}
    file.write_text(json.dumps(order | changes), encoding="utf-8")
    return file


def test_a_mark_is_never_made_through_a_link(made: MadeService, tmp_path: Path) -> None:
    folder, elsewhere = made.order_folder(made.order()), tmp_path / "elsewhere"
    (folder.path / CANCEL_MARK).symlink_to(elsewhere)
    folder.mark(CANCEL_MARK)
    assert not elsewhere.exists()
    assert not folder.has_mark(CANCEL_MARK)


@pytest.mark.parametrize("kind", ["link", "pipe", "endless"])
def test_an_order_that_is_no_plain_file_holds_up_nobody(made: MadeService, tmp_path: Path, kind: str) -> None:
    first, second = made.order(), made.order()
    file = made.order_folder(first).path / "order.json"
    content = file.read_bytes()
    file.unlink()
    if kind == "link":
        (tmp_path / "secret.json").write_bytes(content)
        file.symlink_to(tmp_path / "secret.json")
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero")
    _spoil(made, second)
    made.worker.look()
    assert made.order_folder(first).read_state().stage is Stage.QUEUED
    assert made.order_folder(second).read_state().stage is Stage.FAILED


def test_an_order_in_anothers_folder_is_not_carried_out(made: MadeService) -> None:
    first, second = made.order(), made.order()
    _spoil(made, first, id=second)
    _spoil(made, second)
    made.worker.look()
    assert not made.order_folder(first).state_file.exists()


def test_folders_that_are_no_orders_are_passed_over(made: MadeService) -> None:
    order_id = made.order()
    for name in ("worker.lock", "worker.beat", "x" * 17, "aaaaaaaaaaaaaaa1"):
        (made.state.orders / name).mkdir()
    assert list(order_folders(made.state)) == [order_id]
    _spoil(made, order_id)
    made.worker.look()
    assert made.order_folder(order_id).read_state().stage is Stage.FAILED


def test_a_state_that_cannot_be_read_holds_up_no_other_order(made: MadeService) -> None:
    first, second = made.order(), made.order()
    made.order_folder(first).state_file.mkdir(parents=True)
    _spoil(made, second)
    made.worker.look()
    assert made.order_folder(second).read_state().stage is Stage.FAILED


def test_an_order_that_could_not_be_read_once_is_carried_out_later(made: MadeService) -> None:
    order_id = made.order()
    file = _spoil(made, order_id)
    file.rename(file.with_name("away"))
    made.worker.look()
    file.with_name("away").rename(file)
    made.worker.look()
    assert made.order_folder(order_id).read_state().stage is Stage.FAILED


def test_an_order_ends_though_its_folder_forbids_to_remove_anything(made: MadeService) -> None:
    folder = made.order_folder(made.order())
    (folder.path / "credential").mkdir()
    _spoil(made, folder.id)
    made.worker.look()
    assert folder.read_state().stage is Stage.FAILED


def test_a_shell_in_an_orders_folder_is_not_taken_for_its_command(
    made: MadeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loghi_runner.orders.processes.COMMAND", ("/bin/false",))
    folder = made.order_folder(made.order())
    folder.work.mkdir(parents=True)
    with subprocess.Popen((sys.executable, "-c", "input()"), cwd=folder.work, stdin=subprocess.PIPE) as shell:
        try:
            wait_for(lambda: made.worker.look() or folder.read_state().stage.is_over)
            error = folder.read_state().error
        finally:
            shell.kill()
    assert error is not None
    assert error.code == "order.command_ended"


def test_a_fault_of_ours_on_a_full_disk_is_written_down_when_there_is_room(
    made: MadeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    folder = made.order_folder(made.order())
    with monkeypatch.context() as broken:
        broken.setattr(made.worker.processes, "advance", fail)
        broken.setattr("loghi_runner.orders.orders.write_atomically", disk_full)
        made.worker.look()
    monkeypatch.setattr(made.worker.processes, "advance", fail)
    made.worker.look()
    state = folder.read_state()
    assert state.error is not None
    assert (state.stage, state.error.code) == (Stage.FAILED, "bug")


def test_a_damaged_order_is_nobodys_model(made: MadeService) -> None:
    damaged = made.order()
    (made.order_folder(damaged).path / "order.json").write_text("{", encoding="utf-8")
    asked = {"name": "read", "model": damaged, "source": {"pages": "bonnevie"}}
    answer = made.post("/api/v1/orders", {"action": "recognize", "parameters": asked})
    assert 400 <= answer.status_code < 500, answer.text
