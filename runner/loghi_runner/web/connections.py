"""What comes over a connection before a request is under way: how long it may last, how long a head may be.

uvicorn has no limit for either (0.54): a head that never ends is waited for without end. Servers that have one out of
the box (Hypercorn: `read_timeout`) count neither connections nor the length of a head.
"""

import asyncio
from typing import Any  # as uvicorn's own constructor has it

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from loghi_runner.web.problems import ServiceError

#: A head on a kept connection, its first byte included, or what is left of an answer that was given.
HEAD_S = 10.0
_LAST_BYTES_S = 60.0
#: Longest head; cookies may be half of it.
HEAD_BYTES = 16 * 1024
#: So much is taken from a connection before the others have their turn: chunks of one byte are slow to read.
_PIECE_BYTES = 8 * 1024
#: Connections that wait at the same time. Beyond that the oldest is closed, so that whoever comes gets in.
MOST_WAITING_OF_ONE_ADDRESS = 250
MOST_WAITING = 500
#: Bytes of all cookies together. Browsers keep up to 4 kB each; a platform on the same address has its own.
MOST_COOKIE_BYTES = 8 * 1024
#: Bytes of any other header; nginx takes no longer one either.
MOST_HEADER_BYTES = 8 * 1024
#: Browsers send twenty headers, with what proxies add thirty.
MOST_HEADERS = 100
#: Fields of an address; our own pages have five.
MOST_FIELDS = 100

_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Connection(H11Protocol):
    """uvicorn's own, with limits. It waits while it has no whole head, or its answer was given."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._end: asyncio.TimerHandle | None = None

    @property
    def waits_until(self) -> float | None:
        """None while a request is under way. In the loop's time."""
        return self._end.when() if self._end else None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        transport.max_size = _PIECE_BYTES  # type: ignore[attr-defined]  # asyncio's own name for it, in no stub
        self._look()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_waiting()

    def send_400_response(self, msg: str) -> None:
        if len(self.conn.trailing_data[0]) <= HEAD_BYTES:
            super().send_400_response(msg)
            return
        self.transport.write(_TOO_LONG)
        self.transport.close()

    def close_now(self) -> None:
        """Whatever was still to be sent: nobody reads it."""
        self._stop_waiting()
        self.transport.abort()

    def _look(self) -> None:
        is_under_way = self.cycle is not None and not self.cycle.response_complete
        if is_under_way:
            self._stop_waiting()
        elif self._end is None:
            seconds = _LAST_BYTES_S if self.transport.get_write_buffer_size() else HEAD_S
            self._end = self.loop.call_later(seconds, self.close_now)

    def _stop_waiting(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _make_room(self) -> None:
        waiting = [each for each in self.connections if isinstance(each, Connection) and each.waits_until is not None]
        own = [each for each in waiting if each.client and self.client and each.client[0] == self.client[0]]
        for those, most in ((own, MOST_WAITING_OF_ONE_ADDRESS), (waiting, MOST_WAITING)):
            if len(those) > most:
                min(those, key=lambda each: each.waits_until or 0.0).close_now()
                return


def require_short_head(scope: Scope) -> None:
    """Refuse, by a ServiceError, a head that is made to be slow to read."""
    headers = scope["headers"]
    cookie_bytes = sum(len(value) for name, value in headers if name == b"cookie")
    longest = max((len(value) for name, value in headers if name != b"cookie"), default=0)
    fields = scope["query_string"].count(b"&") + 1
    for count, most, what in (
        (len(headers), MOST_HEADERS, "headers"),
        (cookie_bytes, MOST_COOKIE_BYTES, "bytes of cookies"),
        (longest, MOST_HEADER_BYTES, "bytes in a header"),
        (fields, MOST_FIELDS, "fields in its address"),
    ):
        if count > most:
            raise ServiceError(
                "request.long_head",
                f"the request has more than {most} {what}",
                hint="In a browser: remove the cookies of this address. In a program: send less beside the request.",
            )


def take_cookies(scope: Scope) -> dict[str, str]:
    """Cookies by name, as they are written; those in quotes are taken out of the request.

    Python before 3.11.10 and 3.12.6 needs the square of its length to take the quotes off a cookie (CVE-2024-7592),
    and Starlette does so with all that it finds. None that is read here is ever quoted.
    """
    others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    cookies = [
        pair.strip()
        for name, value in scope["headers"]
        if name == b"cookie"
        for pair in value.split(b";")
        if b'"' not in pair and b"\\" not in pair
    ]
    scope["headers"] = [*others, (b"cookie", b"; ".join(cookies))] if cookies else others
    return dict(cookie.decode("latin-1").split("=", 1) for cookie in cookies if b"=" in cookie)


def announces_body(scope: Scope) -> bool:
    """Whether more comes after the head."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


def announced_bytes(scope: Scope) -> int | None:
    """The length of the body as the head says it; None where it says nothing that is a number."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    # more digits than any limit has are no number worth reading
    return int(lengths[0][:20]) if lengths and lengths[0].isdigit() else None
