"""A small service with its worker, over made pages, a base model's outside, and the stand-in trainer."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any  # JSON values have no narrower type

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from loghi_runner.orders.config import ServiceConfig
from loghi_runner.orders.orders import OrderFolder
from loghi_runner.orders.state import open_state
from loghi_runner.orders.worker import Worker
from loghi_runner.web.app import create_app
from loghi_runner.web.callers import token_digest
from tests.integration.conftest import FAKE_TRAINER, ROOT, write_base_model
from tests.unit.made_pages import write_pages

BASE_URL = "http://127.0.0.1:8765"
TOKENS = {name: f"{name}-token-{'x' * 20}" for name in ("ada", "bob", "transkribo", "boss")}
_ROLES = {"transkribo": "platform", "boss": "admin"}
_LONGEST_WAIT_S = 60.0


class MadeService:
    """The worker looks only when it is told to; the processes of orders go on meanwhile."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        if not (folder / "pages").is_dir():
            write_pages(folder / "pages" / "bonnevie", 8)
            write_base_model(folder / "models" / "base")
        clients = [
            {
                "name": name,
                "token_sha256": token_digest(token),
                "role": _ROLES.get(name, "person"),
                "platforms": list(settings.get("platforms", ())) if name == "transkribo" else (),
            }
            for name, token in TOKENS.items()
        ]
        values = {
            "state": "state",
            "roots": {"pages": "pages", "base_models": "models"},
            "clients": clients,
            "engine": {"kind": "local", "gpus": "none"},
            "limits": {"requests_per_minute": 100_000} | settings.pop("limits", {}),
            **settings,
        }
        self.config = ServiceConfig.model_validate(values, context={"folder": folder})
        self._gone: list[Worker] = []
        self.restart()

    def restart(self) -> None:
        """Service and worker are gone, with all they remember, and begin again."""
        self.state = open_state(self.config.state)
        self.app: FastAPI = create_app(self.config, self.state)
        self.worker = Worker(self.config, self.state)
        self._gone.append(self.worker)
        self.http = TestClient(self.app, base_url=BASE_URL, raise_server_exceptions=False, follow_redirects=False)

    def get(self, path: str, user: str = "ada", **headers: str) -> Any:
        return self.http.get(path, headers={**as_user(user), **headers})

    def post(self, path: str, value: Any = None, user: str = "ada", **headers: str) -> Any:
        return self.http.post(path, json=value, headers={**as_user(user), **headers})

    def order(self, user: str = "ada", **changes: Any) -> str:
        """The id of a new order."""
        answer = self.post("/api/v1/orders", finetuning(**changes), user)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def order_folder(self, order_id: str) -> OrderFolder:
        return OrderFolder(self.state.orders / order_id)

    def run_view(self, order_id: str, user: str = "ada") -> dict[str, Any]:
        value: dict[str, Any] = self.get(f"/api/v1/orders/{order_id}", user).json()
        return value

    def until(self, order_id: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Look again and again until the order is as wanted."""

        def is_there() -> dict[str, Any] | None:
            self.worker.look()
            view = self.run_view(order_id, "boss")
            return view if wanted(view) else None

        return wait_for(is_there)

    def until_over(self, order_id: str) -> dict[str, Any]:
        def is_over() -> bool:
            self.worker.look()
            return self.order_folder(order_id).read_state().stage.is_over

        wait_for(is_over)
        self.close(order_id)
        return self.run_view(order_id, "boss")

    def let_go(self, order_id: str) -> None:
        """Let a trainer of the scenario `waits_for_go` go on."""
        run = self.order_folder(order_id).run()
        assert run is not None
        (run.out / "go").touch()

    def close(self, order_id: str | None = None) -> None:
        """Wait for the processes that are ending, of one order or of all; none may be left by a test."""
        for worker in self._gone:
            for of_order, child in worker.processes.children:
                if order_id in (None, of_order):
                    child.wait(_LONGEST_WAIT_S)

    def everything_written(self) -> Mapping[Path, bytes]:
        return {path: path.read_bytes() for path in self.config.state.rglob("*") if path.is_file()}


def as_user(user: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[user]}"} if user else {}


def finetuning(key: str | None = None, **parameters: Any) -> dict[str, Any]:
    asked = {
        "name": "bonnevie",
        "base_model": "base",
        "source": {"pages": "bonnevie"},
        "training": {"epochs": 3},
        **parameters,
    }
    return {"action": "finetune", "parameters": asked, **({"key": key} if key else {})}


def wait_for(condition: Callable[[], Any]) -> Any:
    """The first value that is not None or False."""
    deadline = time.monotonic() + _LONGEST_WAIT_S
    while time.monotonic() < deadline:
        value = condition()
        if value is not None and value is not False:
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def use_fake_trainer(patch: pytest.MonkeyPatch, scenario: str) -> None:
    patch.setenv("LOGHI_RUNNER_TEST_TRAINER", str(FAKE_TRAINER))
    patch.setenv("LOGHI_FAKE_TRAINER", scenario)
    patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "runner"), str(ROOT / "container")]))
