"""`loghi-runner serve` and `work` as programs of their own, at a real address."""

import contextlib
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any  # JSON values have no narrower type

import httpx
import psutil

from loghi_runner.web.callers import token_digest
from tests.integration.conftest import COMMAND
from tests.made_service import TOKENS, MadeService, as_user, finetuning, wait_for

_ANSWER_S = 60.0


class Programs:
    """Started in a folder with a service.yaml; ended when the test ends."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
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

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), _ANSWER_S)

    def send(self, request: bytes) -> bytes:
        """All that is answered to these bytes until the service closes the connection; nobody asks politely here."""
        answer = bytearray()
        with self.connect() as connection, contextlib.suppress(ConnectionError):
            connection.sendall(request)
            while part := connection.recv(65536):
                answer += part
        return bytes(answer)

    def processor_s(self) -> float:
        """Seconds of processor that the service, started last, has used so far."""
        times = psutil.Process(self.started[-1].pid).cpu_times()
        return float(times.user + times.system)

    def ask(self, path: str) -> dict[str, Any]:
        value: dict[str, Any] = httpx.get(f"{self.url}{path}", headers=as_user("ada")).json()
        return value

    def order(self) -> str:
        answer = httpx.post(f"{self.url}/api/v1/orders", headers=as_user("ada"), json=finetuning("k"))
        return str(answer.json()["id"])

    def until(self, order_id: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        def is_there() -> dict[str, Any] | None:
            view = self.ask(f"/api/v1/orders/{order_id}")
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


@contextmanager
def programs_in(folder: Path, limits: str = "requests_per_minute: 100000") -> Iterator[Programs]:
    """A folder with pages, a model and a service.yaml, where nothing is started yet.

    Args:
        limits: those of service.yaml that are not the usual ones.
    """
    MadeService(folder)  # its pages and its model
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    clients = ", ".join(f"{{name: {name}, token_sha256: {token_digest(TOKENS[name])}}}" for name in ("ada", "bob"))
    (folder / "service.yaml").write_text(
        f"state: state\nlisten: 127.0.0.1:{port}\n"
        "roots: {pages: pages, base_models: models}\n"
        f"clients: [{clients}]\n"
        f"engine: {{kind: local, gpus: none}}\nlimits: {{{limits}}}\n",
        encoding="utf-8",
    )
    made = Programs(folder, port)
    try:
        yield made
    finally:
        for process in made.started:
            if process.poll() is None:
                process.kill()
            process.wait()
