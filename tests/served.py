"""A made service at a real address, with a worker that looks all the time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from loghi_runner.web.serve import make_server
from tests.made_service import MadeService, wait_for

_LOOK_EVERY_S = 0.1
_END_S = 10.0


@contextmanager
def served(made: MadeService, *, is_worked: bool = True) -> Iterator[str]:
    """Its address, until the end of the block. `is_worked`: a worker carries its orders out."""
    server = make_server(made.app, made.config)
    server.config.host, server.config.port, server.config.lifespan = "127.0.0.1", 0, "off"
    over = threading.Event()

    def work() -> None:
        while not over.wait(_LOOK_EVERY_S):
            made.worker.look()

    threads = [threading.Thread(target=target, daemon=True) for target in (server.run, *([work] if is_worked else []))]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        over.set()
        server.should_exit = server.force_exit = True
        for thread in threads:
            thread.join(_END_S)
