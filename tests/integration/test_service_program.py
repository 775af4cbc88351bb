"""`loghi-runner serve` and `work` as programs: started, killed, started again."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.made_service import TOKENS, as_user, use_fake_trainer
from tests.programs import Programs, programs_in


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Programs]:
    use_fake_trainer(monkeypatch, "waits_for_go")
    with programs_in(tmp_path) as made:
        yield made


def is_training(view: dict[str, Any]) -> bool:
    return bool(view["run"] and view["run"]["epochs"])


def test_a_killed_service_finds_its_run_again(programs: Programs) -> None:
    service = programs.serve()
    order_id = programs.order()
    programs.until(order_id, is_training)
    os.kill(service.pid, signal.SIGKILL)
    service.wait()
    programs.serve()
    assert programs.order() == order_id
    programs.let_go(order_id)
    assert programs.until(order_id, lambda view: view["stage"] == "finished")["run"]["best_val_cer"] == 0.2
    assert TOKENS["ada"] not in programs.logs()


def test_a_queue_only_service_starts_nothing_and_a_worker_that_was_killed_goes_on(programs: Programs) -> None:
    programs.serve("--queue-only")
    order_id = programs.order()
    assert programs.ask("/health")["worker"] == "never"
    worker = programs.start("work")
    programs.until(order_id, is_training)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    programs.start("work")
    programs.let_go(order_id)
    assert programs.until(order_id, lambda view: view["stage"] == "finished")["run"]["best_val_cer"] == 0.2


def test_a_follower_sees_events_as_they_come(programs: Programs) -> None:
    programs.serve()
    order_id = programs.order()
    kinds = []
    path = f"{programs.url}/api/v1/orders/{order_id}/events"
    with httpx.stream("GET", path, headers=as_user("ada"), timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("event: "):
                kinds.append(line.removeprefix("event: "))
            if line == "event: epoch" and kinds.count("epoch") == 1:
                programs.let_go(order_id)
    assert kinds[0] == kinds[-1] == "order"
    assert kinds.index("started") < kinds.index("epoch") < kinds.index("finished")


def test_an_address_that_is_taken_is_said_to_be_and_nothing_else(programs: Programs) -> None:
    programs.serve()
    second = programs.start("serve")
    assert second.wait() == 4
    said = (programs.folder / "log-1.txt").read_text(encoding="utf-8")
    assert said.startswith(f"error: the address {programs.url.removeprefix('http://')} cannot be listened on")
    assert "listen: 127.0.0.1:8766" in said


def test_a_service_file_that_names_nobody_is_for_one_person(programs: Programs) -> None:
    listen = programs.url.removeprefix("http://")
    (programs.folder / "service.yaml").write_text(f"listen: {listen}\n", encoding="utf-8")
    programs.serve()
    told, code = programs.logs().splitlines()[:2]
    assert told.startswith(f"loghi-runner is at {programs.url} ;")
    me = {"Authorization": f"Bearer {code.rpartition(' ')[2]}"}
    assert httpx.get(f"{programs.url}/api/v1/orders", headers=me).status_code == 200
