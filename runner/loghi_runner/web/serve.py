"""The programs `serve` and `work`, from their config to their end."""

import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from loghi_runner.errors import EngineError, UsageError
from loghi_runner.orders import config as service_config
from loghi_runner.orders.state import open_state
from loghi_runner.orders.worker import Worker, start_worker
from loghi_runner.web.app import create_app, make_ready
from loghi_runner.web.callers import new_token, token_digest
from loghi_runner.web.connections import HEAD_BYTES, Connection

Tell = Callable[[str], object]

_GRACE_S = 5


def new_client(name: str) -> tuple[str, str]:
    """A token, and the line of service.yaml that lets its owner in. Raises UsageError for an unfit name."""
    if not re.fullmatch(service_config.NAME_PATTERN, name):
        hint = "Small letters, digits, `_` and `-`, at most 40."
        raise UsageError("service.client_name", f"no client can be named {name!r}", where="--new-client", hint=hint)
    token = new_token()
    # in quotes: some digests would be numbers
    return token, f'  - {{name: {name}, token_sha256: "{token_digest(token)}"}}'


def serve(path: Path | None, *, queue_only: bool, tell: Tell) -> None:
    """Serve until a signal ends it; runs go on. Raises RunnerError where it cannot be started."""
    config, code = _config(path)
    state = open_state(config.state)
    _begin(state.service_umask)
    app = create_app(config, state)
    make_ready(app)
    listening = _listen(config)
    worker = None if queue_only else start_worker(config, state)
    tell(f"loghi-runner is at {config.own_url} ; Ctrl+C ends the service, runs go on")
    if code is not None:
        tell(f"access code for the web page, until it ends: {code}")
    server = make_server(app, config)
    try:
        server.run(sockets=[listening])
    finally:
        if worker is not None:
            worker[0].stop()
            worker[1].join(_GRACE_S)


def make_server(app: FastAPI, config: service_config.ServiceConfig) -> uvicorn.Server:
    """What reads requests from connections and gives them to the application."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            # named, or a package that is installed beside would be taken, without our limits
            http=Connection,
            loop="asyncio",
            ws="none",
            log_config=None,
            access_log=False,  # ours leaves out what stands behind the question mark
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=list(config.believed_proxies),
            timeout_graceful_shutdown=_GRACE_S,
            h11_max_incomplete_event_size=HEAD_BYTES,
        )
    )


def work(path: Path | None, *, tell: Tell) -> None:
    """Carry orders out until a signal ends it; what it has started goes on. Raises RunnerError at the start."""
    config, _code = _config(path)
    state = open_state(config.state)
    _begin(state.worker_umask)
    worker = Worker(config, state)

    def stop(_number: int, _frame: FrameType | None) -> None:
        worker.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    tell(f"carrying out the orders in {config.state}; Ctrl+C ends the worker, runs go on")
    worker.run()


def _config(path: Path | None) -> tuple[service_config.ServiceConfig, str | None]:
    """The config; where it names nobody who may ask, it is for one person, and the code by which they come in."""
    if path is None and service_config.CONFIG_FILE.is_file():
        path = service_config.CONFIG_FILE
    folder = Path.cwd() if path is None else path.parent
    config = service_config.plain_service_config(folder) if path is None else service_config.load_service_config(path)
    if config.clients or config.platforms:
        return config, None
    code = new_token()
    me = service_config.Client(name="me", token_sha256=token_digest(code), role=service_config.Role.ADMIN)
    return service_config.for_one_person(config, me, folder), code


def _listen(config: service_config.ServiceConfig) -> socket.socket:
    """The open socket, so that the address is told only when it can be reached."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        listening = socket.create_server((config.host, config.port), family=family)
        # what is accepted inherits it; else the second part of each answer waits 40 ms for word of the first
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        raise EngineError(
            "service.cannot_listen",
            f"the address {config.listen} cannot be listened on: {error.strerror}",
            where="listen",
            hint="Is the service running already? Else write another port into service.yaml, such as "
            "`listen: 127.0.0.1:8766`.",
        ) from error


def _begin(umask: int) -> None:
    os.umask(umask)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s", force=True
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # that it listens is told in our own words
    # addresses that are asked may hold what nobody shall read
    for chatty in ("urllib3", "httpx", "docker", "sse_starlette"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
