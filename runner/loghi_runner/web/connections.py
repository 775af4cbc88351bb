"""Connections while no request is under way in them: how long each may last, and how many there may be.

uvicorn has no limit for either (0.54): a head that never ends is waited for without end. Servers that have one out of
the box (Hypercorn: `read_timeout`) count neither connections nor the length of a head.
"""

import asyncio
from typing import Any  # as uvicorn's own constructor has it

from uvicorn.protocols.http.h11_impl import H11Protocol

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
