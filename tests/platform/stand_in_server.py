"""The stand-in for an eScriptorium behind a real socket, with the faults that a network and a proxy have."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any  # JSON values have no narrower type
from urllib.parse import parse_qs, unquote, urlsplit

from tests.background_server import in_background
from tests.platform.escriptorium_stand_in import Refused, StandIn

_LONGEST_HOLD_S = 120.0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # a body that follows its head would wait 40 ms for the client to say that it has the head
    disable_nagle_algorithm = True
    server: "_Server"

    def handle_any(self) -> None:
        stand_in = self.server.stand_in
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        if stand_in.delay_s:
            time.sleep(stand_in.delay_s)
        hold = stand_in.hold
        if hold is not None and hold.method == self.command and re.search(hold.path, self.path):
            stand_in.hold = None
            hold.came.set()
            hold.may_go_on.wait(_LONGEST_HOLD_S)
        with stand_in.lock:
            stand_in.requests.append((self.command, self.path))
            fits = (
                item
                for item in stand_in.faults
                if item.times > 0 and item.method == self.command and re.search(item.path, self.path)
            )
            fault = next(fits, None)
            if fault is not None:
                fault.times -= 1
            if fault is None or fault.after:
                status, answer = self._carry_out(parts.path, parts.query, body)
        if fault is not None and fault.after:
            self.close_connection = True
            return
        if fault is not None:
            body = fault.body.encode() if isinstance(fault.body, str) else fault.body
            self._write(fault.status, body, "text/html", fault.headers)
        elif isinstance(answer, bytes):
            self._write(status, answer, "image/png")
        elif isinstance(answer, str):
            self._write(status, answer.encode(), "text/html")
        else:
            self._write(status, json.dumps(answer).encode(), "application/json")

    def _carry_out(self, path: str, query: str, body: Any) -> tuple[int, Any]:
        stand_in = self.server.stand_in
        if path.startswith("/media/"):
            path = unquote(path)
            pages = [page for document in stand_in.documents.values() for page in document.pages]
            found = next((page.image for page in pages if path.startswith(page.uri)), None)
            return (200, found) if found is not None else (404, "Not Found")
        user = stand_in.tokens.get(self.headers.get("Authorization", "").removeprefix("Token "))
        if user is None and self.command == "GET":
            # writing by session needs a word that our side never has
            user = stand_in.sessions.get(self.headers.get("Cookie", "").removeprefix("sessionid="))
        if user is None:
            given = self.headers.get("Authorization", "").startswith("Token ")
            detail = "Invalid token." if given else "Authentication credentials were not provided."
            return 401, {"detail": detail}
        try:
            flat = {key: values[0] for key, values in parse_qs(query).items()}
            return stand_in.answer(self.command, path, flat, user, body)
        except Refused as refused:
            return refused.status, refused.body

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815  # as the library calls them

    def _write(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    stand_in: StandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up on a long answer is no fault of the server."""


@contextmanager
def running() -> Iterator[StandIn]:
    stand_in = StandIn()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.stand_in = stand_in
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    with in_background(server):
        yield stand_in
