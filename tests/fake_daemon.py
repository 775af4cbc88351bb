"""A fake of Docker's API, for the answers and silences that a real daemon cannot be made to give."""

import json
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

from loghi_runner.engines.base import Handle

Answer = tuple[int, Any]
HANDLE = Handle("docker", "c0ffee")


class FakeDaemon:
    """A Docker API on a socket, answering from a table; what was asked for is kept in `asked`."""

    def __init__(self, path: Path) -> None:
        self.url = f"unix://{path}"
        self.asked: list[str] = []
        self.created: dict[str, Any] = {}
        self.answers: dict[str, Answer | list[Answer]] = {
            "GET /version": (200, {"Version": "20.10.24", "ApiVersion": "1.41", "Components": [{"Name": "Engine"}]}),
            "GET /info": (200, {"SecurityOptions": ["name=seccomp,profile=default"]}),
            "POST /containers/create": (201, {"Id": HANDLE.id}),
            f"POST /containers/{HANDLE.id}/start": (204, None),
            f"DELETE /containers/{HANDLE.id}": (204, None),
        }
        daemon = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                path = self.path.partition("?")[0]
                _, first, *rest = path.split("/")
                wanted = f"{self.command} /" + "/".join(rest if first.startswith("v1.") else [first, *rest])
                daemon.asked.append(wanted)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if wanted == "POST /containers/create":
                    daemon.created = json.loads(body)
                answer = daemon.answers.get(wanted, (404, {"message": f"no answer for {wanted}"}))
                # several: one after the other
                status, value = answer.pop(0) if isinstance(answer, list) else answer
                content = b"" if value is None else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if content:
                    self.wfile.write(content)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815  # the names http.server asks for

            def address_string(self) -> str:
                return "test"

            def log_message(self, *_: object) -> None:
                pass

        self.server = UnixStreamServer(str(path), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()
            self.path.unlink()

    @property
    def path(self) -> Path:
        return Path(self.url.removeprefix("unix://"))

    def set_state(self, **state: object) -> None:
        whole = {"Status": "running", "ExitCode": 0, "OOMKilled": False} | state
        self.answers[f"GET /containers/{HANDLE.id}/json"] = (200, {"State": whole})
