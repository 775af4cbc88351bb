"""What every request passes before anything else looks at it, and what every answer says to browsers."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager

from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loghi_runner.orders.config import ServiceConfig
from loghi_runner.web.access import USER_HEADER, required_caller
from loghi_runner.web.callers import Caller, Doorkeeper, session_cookie
from loghi_runner.web.connections import announced_bytes, announces_body, require_short_head, take_cookies
from loghi_runner.web.metrics import Metrics
from loghi_runner.web.problems import Problem, ServiceError, problem_of, problem_response

_access = logging.getLogger("loghi_runner.access")

#: Orders that one user follows at the same time; each browser window that shows one follows it.
MOST_FOLLOWED = 20
#: Their own limit is smaller.
THUMBNAILS = "/thumbnails/"
#: Requests that are worked on at a time: few, or the event loop hardly gets its turn among the threads, of which Python
#: runs one at a time. Under 200 busy clients health was answered after 300 ms with forty, after 40 ms with six, and
#: the clients no later.
_AT_A_TIME = 5
#: They mostly wait for a platform. Together with the others and with thumbnails no more than AnyIO has threads (40).
_ASKING_A_PLATFORM = 30
_ASKS_A_PLATFORM = ("/launch", "/start", "/platforms/")
_BODY_TIMEOUT_S = 30.0
#: Asked by whoever looks after the service: answered however busy it is.
_HEALTH = ("/health", "/health/live")
_SIGN_IN = "/sign-in"
#: The form there: an access code, and where to go then.
_SIGN_IN_BYTES = 4096
_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: Said with every answer, unless the endpoint says otherwise.
SECURITY_HEADERS = {
    "Content-Security-Policy": _CONTENT_POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class Guard:
    """Host names, who asks, how often, how much; security headers, access log and counts."""

    def __init__(
        self,
        app: ASGIApp,
        config: ServiceConfig,
        doorkeeper: Doorkeeper,
        metrics: Metrics,
        answer: Callable[[Request, Problem], Response],
    ) -> None:
        self._app = app
        self._config = config
        self._doorkeeper = doorkeeper
        self._metrics = metrics
        self._answer = answer
        self._cookie_name = session_cookie(config)
        # of all that `limits` has, this alone stays fast when many addresses have asked
        self._rate = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._limit = parse(f"{config.limits.requests_per_minute}/minute")
        self._open = OpenRequests(config.limits.followers)
        self._turns = Turns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["root_path"] = self._config.root_path
        began, status, is_unread = time.monotonic(), 500, announces_body(scope)

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if is_unread:
                    headers["Connection"] = "close"  # nobody reads the rest
            await send(message)

        try:
            caller = self._admitted(scope)
            if scope["path"] in _HEALTH:
                await self._app(scope, receive, send_guarded)
                return
            await self._require_seldom(scope, caller)
            with self._counted(scope, caller):
                body = await self._whole_body(scope, receive, caller)
                if body is not None:
                    is_unread, receive = False, _replay(body, receive)
                async with self._turns.turn(scope, caller, send_guarded) as send_in_turn:
                    await self._app(scope, receive, send_in_turn)
        except ServiceError as error:
            await self._refusal(scope, error)(scope, receive, send_guarded)
        finally:
            self._note(scope, status, time.monotonic() - began)

    def _admitted(self, scope: Scope) -> Caller | None:
        """Who asks, of a request that may be looked at."""
        require_short_head(scope)
        cookies = take_cookies(scope)
        self._require_known_host(scope)
        caller = self._caller(scope, cookies)
        scope.setdefault("state", {})["caller"] = caller
        return caller

    def _caller(self, scope: Scope, cookies: dict[str, str]) -> Caller | None:
        kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if kind:
            # a token that is wrong is not made good by a cookie beside it
            return self._doorkeeper.by_token(token.strip()) if kind.lower() == "bearer" else None
        cookie = cookies.get(self._cookie_name)
        return self._doorkeeper.by_cookie(cookie) if cookie else None

    def _require_known_host(self, scope: Scope) -> None:
        host = Headers(scope=scope).get("host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name.strip("[]").lower() not in self._config.host_names:
            raise ServiceError(
                "request.wrong_host",
                "the service is not known under the name it was asked by",
                hint="The operator can add the name to `hosts` in service.yaml.",
            )

    async def _require_seldom(self, scope: Scope, caller: Caller | None) -> None:
        who = f"{caller.client} {caller.user}" if caller else _address(scope)
        if scope["path"].startswith(THUMBNAILS):
            who += " images"  # a page shows hundreds: they are counted apart, or nobody could send its form
        if not await self._rate.hit(self._limit, who):
            raise ServiceError(
                "request.too_often",
                f"more than {self._config.limits.requests_per_minute} requests in a minute",
                hint="Wait a minute. GET api/v1/orders/ID/events follows an order without asking again and again.",
            )

    def _counted(self, scope: Scope, caller: Caller | None) -> AbstractContextManager[None]:
        is_followed = scope["path"].endswith("/events")
        followed_by = Headers(scope=scope).get(USER_HEADER, "") if is_followed else None
        return self._open.one_more(caller, _address(scope), followed_by)

    async def _whole_body(self, scope: Scope, receive: Receive, caller: Caller | None) -> bytes | None:
        """The body, read before anybody works on it; None where a request has none. Who is nobody can only sign in."""
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            if announces_body(scope):
                raise ServiceError("request.needless_body", f"a request to {scope['method']} has no body here")
            return None
        limit = self._config.limits.request_bytes
        if caller is None:
            if scope["path"] != _SIGN_IN:
                required_caller(Request(scope))
            limit = _SIGN_IN_BYTES
        if (announced_bytes(scope) or 0) > limit:
            raise _too_long(limit)
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_TIMEOUT_S):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return bytes(body)
                    body += message.get("body", b"")
                    if len(body) > limit:
                        raise _too_long(limit)
                    if not message.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            raise ServiceError("request.too_slow", "the request did not arrive in time") from None

    def _refusal(self, scope: Scope, error: ServiceError) -> Response:
        problem = problem_of(error)
        # people sign in again; for all else a page would cost more than it is worth
        return self._answer(Request(scope), problem) if problem.status == 401 else problem_response(problem)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.note_request(scope["method"], route, status, seconds)
        # without the query: what people type into addresses by mistake is kept nowhere
        _access.info("%s %r %d %.0f ms", scope["method"], scope["path"], status, 1000 * seconds)


def _address(scope: Scope) -> str:
    return str((scope.get("client") or ("nobody",))[0])


def _too_long(limit: int) -> ServiceError:
    return ServiceError("request.too_long", f"the request is longer than {limit} bytes", hint="Send less at a time.")


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


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
        """Wait for a turn; gives what to answer by. It is over when the answer begins: slow readers hold up nobody."""
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
