"""How many requests are worked on at the same time: few, or the event loop hardly gets its turn among the threads.

Python runs one thread at a time. With forty that all have something to do, whatever the loop does next waits for each
of them: under 200 busy clients health was answered after 300 ms, with six after 40 ms, and the clients no later.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Message, Scope, Send

from loghi_runner.web.callers import Caller

#: Their own limit is smaller.
THUMBNAILS = "/thumbnails/"
_AT_A_TIME = 5
#: They mostly wait for a platform. Together with the others and with thumbnails no more than AnyIO has threads (40).
_ASKING_A_PLATFORM = 30
_ASKS_A_PLATFORM = ("/launch", "/start", "/platforms/")


class Turns:
    """A platform that is slow takes no turns from those who do not need it."""

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
