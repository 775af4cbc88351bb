"""A server of a test, answering in a thread of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer

#: How often it looks whether it is to end; every test that has one waits for that.
_LOOK_EVERY_S = 0.01


@contextmanager
def in_background(server: BaseServer) -> Iterator[None]:
    """The server answers until the end of the block, and is closed then."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _LOOK_EVERY_S}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
