"""`loghi-runner serve` and `work` as programs: started, killed, started again."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from loghi_runner.service.callers import token_digest
from tests.integration.conftest import COMMAND
from tests.made_service import TOKENS, MadeService, as_user, finetuning, use_fake_trainer, wait_for


class Programs:
    """Started in a folder with a service.yaml; ended when the test ends."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        log = (self.folder / f"log-{len(self.started)}.txt").open("w", encoding="utf-8")
        with log:
            process = subprocess.Popen(
                [*COMMAND, *arguments], cwd=self.folder, stdout=log, stderr=log, text=True, start_new_session=True
            )
        self.started.append(process)
        return process

    def serve(self, *arguments: str) -> "subprocess.Popen[str]":
        process = self.start("serve", *arguments)
        wait_for(lambda: self._answers() or process.poll() is not None)
        assert process.poll() is None, self.logs()
        return process

    def ask(self, path: str) -> dict[str, Any]:
        value: dict[str, Any] = httpx.get(f"{self.url}{path}", headers=as_user("ada")).json()
        return value

    def order(self) -> str:
        answer = httpx.post(f"{self.url}/api/v1/runs", headers=as_user("ada"), json=finetuning("k"))
        return str(answer.json()["id"])

    def until(self, order_id: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        def is_there() -> dict[str, Any] | None:
            view = self.ask(f"/api/v1/runs/{order_id}")
            return view if wanted(view) else None

        value: dict[str, Any] = wait_for(is_there)
        return value

    def let_go(self, order_id: str) -> None:
        (out,) = (self.folder / "state" / "work" / order_id / "runs").glob("*/out")
        (out / "go").touch()

    def logs(self) -> str:
        return "".join(file.read_text(encoding="utf-8") for file in sorted(self.folder.glob("log-*.txt")))

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/live").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Programs]:
    use_fake_trainer(monkeypatch, "waits_for_go")
    MadeService(tmp_path)  # its pages and its model
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "service.yaml").write_text(
        f"state: state\nlisten: 127.0.0.1:{port}\n"
        "roots: {pages: pages, base_models: models}\n"
        f"clients: [{{name: ada, token_sha256: {token_digest(TOKENS['ada'])}}}]\n"
        "engine: {kind: local, gpus: none}\nlimits: {requests_per_minute: 100000}\n",
        encoding="utf-8",
    )
    made = Programs(tmp_path, port)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.wait()


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
    path = f"{programs.url}/api/v1/runs/{order_id}/events"
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
    assert httpx.get(f"{programs.url}/api/v1/runs", headers=me).status_code == 200
