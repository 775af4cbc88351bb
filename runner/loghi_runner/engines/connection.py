"""Whether anything answers at a daemon's address, and why not."""

import socket
from collections.abc import Iterator


def knock(url: str) -> None:
    """Raise a local socket's own error; the docker package hides it, and leaves the socket open."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.connect(url.removeprefix("unix://"))


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and the errors it was made of: the socket's own error may lie three deep."""
    seen: list[BaseException] = [error]
    for item in seen:
        inner = [item.__cause__, item.__context__, *getattr(item, "args", ())]
        seen += [cause for cause in inner if isinstance(cause, BaseException) and cause not in seen]
    yield from seen
