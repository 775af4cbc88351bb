"""Requests that are under way: how many there may be of everybody, of one client, and of one who follows orders."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from loghi_runner.web.callers import Caller
from loghi_runner.web.problems import ServiceError

#: Orders that one user follows at the same time; each browser window that shows one follows it.
MOST_FOLLOWED = 20


class OpenRequests:
    """No client can have more than half of them, so that there is room for the others."""

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
