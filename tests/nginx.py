"""A real nginx with the file that operators include, before a platform and a service that tests bring."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.background_server import in_background

CONF = Path(__file__).parents[1] / "docs" / "escriptorium" / "nginx-loghi.conf"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
_START_S = 10.0


def write_conf(folder: Path, port: int, platform: str, changes: Mapping[str, str]) -> Path:
    """The platform's nginx.conf with our file in it, changed as an operator changes it."""
    ours = CONF.read_text(encoding="utf-8")
    for found, put in changes.items():
        assert found in ours
        ours = ours.replace(found, put)
    (folder / "loghi.conf").write_text(ours, encoding="utf-8")
    temporary = "".join(f"{name}_temp_path {folder}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
    conf = folder / "nginx.conf"
    conf.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; {temporary}\n"
        f"server {{ listen 127.0.0.1:{port}; include {folder}/loghi.conf;\n"
        f"location / {{ proxy_set_header Host $http_host; proxy_pass http://{platform}; }} }} }}\n",
        encoding="utf-8",
    )
    return conf


def is_accepted(conf: Path) -> "subprocess.CompletedProcess[str]":
    """`nginx -t`, as an operator types it."""
    command = [NGINX, "-t", "-e", str(conf.parent / "error.log"), "-c", str(conf)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def running_nginx(folder: Path, platform: str, changes: Mapping[str, str]) -> Iterator[str]:
    """Its address."""
    port = free_port()
    conf = write_conf(folder, port, platform, changes)
    nginx = subprocess.Popen([NGINX, "-e", str(folder / "error.log"), "-c", str(conf)])
    try:
        _wait_for(port, nginx)
        yield f"http://127.0.0.1:{port}"
    finally:
        nginx.terminate()
        nginx.wait()


@contextmanager
def answering(handler: type[BaseHTTPRequestHandler], host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A small HTTP server; its port."""
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    with in_background(server):
        yield server.server_port


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(port: int, nginx: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and nginx.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("nginx did not start")
