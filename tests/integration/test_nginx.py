"""The file for eScriptorium's nginx: whatever becomes of the service, the platform is there."""

import socketserver
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests

from tests.background_server import in_background
from tests.made_service import wait_for
from tests.nginx import answering, free_port, is_accepted, running_nginx, write_conf

PAGE = b"<!doctype html><html><body>the platform</body></html>"


pytestmark = pytest.mark.nginx


class _Answering(BaseHTTPRequestHandler):
    def content(self) -> bytes:
        raise NotImplementedError

    def do_GET(self) -> None:
        content = self.content()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Platform(_Answering):
    def content(self) -> bytes:
        return PAGE


class Service(_Answering):
    """Says where it was asked, and for what."""

    def content(self) -> bytes:
        return f"{self.connection.getsockname()[0]} {self.path}".encode()


class NameServer(socketserver.ThreadingUDPServer):
    """Knows the address of one name, or of none. Source: RFC 1035, section 4.1."""

    daemon_threads = True
    address: str | None = None

    def finish_request(self, request: object, client_address: object) -> None:
        asked, socket = request  # type: ignore[misc]  # as socketserver gives it for UDP
        end = asked.index(b"\0", 12) + 5
        kind = struct.unpack("!H", asked[end - 4 : end - 2])[0]
        answers = b""
        if self.address is not None and kind == 1:  # A; the name by its place in the question
            answers = struct.pack("!HHHIH4s", 0xC00C, 1, 1, 600, 4, bytes(map(int, self.address.split("."))))
        flags = 0x8180 if self.address is not None else 0x8183
        header = struct.pack("!HHHHHH", int.from_bytes(asked[:2], "big"), flags, 1, bool(answers), 0, 0)
        socket.sendto(header + asked[12:end] + answers, client_address)


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
    with in_background(server):
        yield server


@contextmanager
def platforms_nginx(folder: Path, names: NameServer, port: int) -> Iterator[str]:
    """The platform behind it; the service is `loghi` at that port, for whoever finds out where that is."""
    changes = {"loghi:8080": f"loghi:{port}", "127.0.0.11 valid=10s": f"127.0.0.1:{names.server_address[1]} valid=1s"}
    with answering(Platform) as platform, running_nginx(folder, f"127.0.0.1:{platform}", changes) as address:
        yield address


def test_nginx_takes_the_file_as_it_is_where_nobody_knows_the_service(tmp_path: Path) -> None:
    checked = is_accepted(write_conf(tmp_path, free_port(), "127.0.0.1:9", {}))

    assert checked.returncode == 0, checked.stderr


def test_a_service_that_nobody_knows_costs_the_button_and_not_the_platform(tmp_path: Path, names: NameServer) -> None:
    port = free_port()
    with platforms_nginx(tmp_path, names, port) as address:
        page = requests.get(f"{address}/document/7/", timeout=30)
        assert (page.status_code, "the platform" in page.text) == (200, True)
        assert requests.get(f"{address}/loghi/static/escriptorium.js", timeout=30).status_code == 502

        # once it is there, it is found without a word to nginx
        names.address = "127.0.0.2"
        with answering(Service, "127.0.0.2", port):
            wait_for(lambda: requests.get(f"{address}/loghi/", timeout=30).text == "127.0.0.2 /")


def test_a_service_that_comes_back_at_another_address_is_found(tmp_path: Path, names: NameServer) -> None:
    port = free_port()
    names.address = "127.0.0.2"
    with platforms_nginx(tmp_path, names, port) as address:
        with answering(Service, "127.0.0.2", port):
            assert requests.get(f"{address}/loghi/", timeout=30).text == "127.0.0.2 /"
        names.address = "127.0.0.3"
        with answering(Service, "127.0.0.3", port):
            wait_for(lambda: requests.get(f"{address}/loghi/", timeout=30).text == "127.0.0.3 /")


def test_a_page_of_the_platform_does_not_wait_for_the_script(tmp_path: Path, names: NameServer) -> None:
    with platforms_nginx(tmp_path, names, free_port()) as address:
        page = requests.get(f"{address}/document/7/", timeout=30).text

    assert page.count("<script") == page.count("<script async ") == 1


@pytest.mark.parametrize("path", ["/launch?document=7&x=%2Fa%20b", "/runs/abc", "/", "/a%20b/%C3%A9?", "/x//y"])
def test_what_is_asked_for_arrives_without_the_prefix(tmp_path: Path, names: NameServer, path: str) -> None:
    port = free_port()
    names.address = "127.0.0.2"
    with answering(Service, "127.0.0.2", port), platforms_nginx(tmp_path, names, port) as address:
        arrived = requests.get(f"{address}/loghi{path}", timeout=30).text.partition(" ")[2]

    assert arrived == path.replace("//", "/").rstrip("?")
