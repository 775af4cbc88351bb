"""Requests that are under way: how many there may be, and how many are worked on at the same time.

These are few, or the event loop hardly gets its turn among the threads: Python runs one thread at a time. With forty
that all have something to do, whatever the loop does next waits for each of them: under 200 busy clients health was
answered after 300 ms, with six after 40 ms, and the clients no later.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.types import Message, Scope, Send

from loghi_runner.web.callers import Caller
from loghi_runner.web.problems import ServiceError

#: Orders that one user follows at the same time; each browser window that shows one follows it.
MOST_FOLLOWED = 20
#: Their own limit is smaller.
THUMBNAILS = "/thumbnails/"
_AT_A_TIME = 5
#: They mostly wait for a platform. Together with the others and with thumbnails no more than AnyIO has threads (40).
_ASKING_A_PLATFORM = 30
_ASKS_A_PLATFORM = ("/launch", "/start", "/platforms/")


class OpenRequests:
    """Counts them; no client can have more than half of them, so that there is room for the others."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_more(self, caller: Caller | None, address: str, followed_by: str | None) -> Iterator[None]:
        """Count a request while it lasts.

        Args:
            followed_by: for a request that follows an order, the user for whom a client asks, or "".

        Raises:
            ServiceError: there are too many.
        """
        client = f"client {caller.client}" if caller else f"address {address}"
        counted = ["all", client]
        if followed_by is not None:
            follower = f"follower {client} {(caller and caller.user) or followed_by}"
            if self._open[follower] >= MOST_FOLLOWED:
                raise ServiceError(
                    "request.too_many_followers",
                    f"{MOST_FOLLOWED} orders are followed at the same time already",
                    hint="Close a window that shows one, or end a program that follows one.",
                )
            counted.append(follower)
        if self._open[client] >= max(1, self._most // 2):
            raise ServiceError(
                "request.too_many_at_once",
                "too many requests of yours are under way at the same time",
                hint="Wait until some of them are answered.",
            )
        if self._open["all"] >= self._most:
            raise ServiceError("service.busy", "too many requests are under way", hint="Try again in a minute.")
        self._open.update(counted)
        try:
            yield
        finally:
            for name in counted:
                self._open[name] -= 1
                if not self._open[name]:
                    del self._open[name]


class Turns:
    """Turns at working on a request; a platform that is slow takes none from those who do not need it."""

    def __init__(self) -> None:
        self._own = asyncio.Semaphore(_AT_A_TIME)
        self._asking = asyncio.Semaphore(_ASKING_A_PLATFORM)

    @asynccontextmanager
    async def turn(self, scope: Scope, caller: Caller | None, send: Send) -> AsyncIterator[Send]:
        """Wait for a turn. It is over when the answer begins: whoever reads slowly holds up nobody.

        Args:
            send: by which the answer is sent; what is given takes its place.
        """
        if scope["path"].startswith(THUMBNAILS):
            yield send
            return
        asks = (caller is not None and caller.platform is not None) or scope["path"].startswith(_ASKS_A_PLATFORM)
        turns = self._asking if asks else self._own
        await turns.acquire()
        is_over = False

        def end() -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                turns.release()

        async def send_and_end(message: Message) -> None:
            end()
            await send(message)

        try:
            yield send_and_end
        finally:
            end()
