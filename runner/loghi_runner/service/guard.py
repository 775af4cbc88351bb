"""What every request passes before anything else looks at it, and what every answer says to browsers."""

import asyncio
import logging
import time
from http.cookies import CookieError, SimpleCookie

from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loghi_runner.service.callers import SESSION_COOKIE, Caller, Doorkeeper
from loghi_runner.service.config import ServiceConfig
from loghi_runner.service.metrics import Metrics
from loghi_runner.service.problems import ServiceError, problem_of, problem_response

_access = logging.getLogger("loghi_runner.access")

_BODY_TIMEOUT_S = 30.0
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

    def __init__(self, app: ASGIApp, config: ServiceConfig, doorkeeper: Doorkeeper, metrics: Metrics) -> None:
        self._app = app
        self._config = config
        self._doorkeeper = doorkeeper
        self._metrics = metrics
        self._rate = MovingWindowRateLimiter(MemoryStorage())
        self._limit = parse(f"{config.limits.requests_per_minute}/minute")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["root_path"] = self._config.root_path
        began, status = time.monotonic(), 500

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            caller = self._caller(scope)
            scope.setdefault("state", {})["caller"] = caller
            await self._require_allowed(scope, caller)
            body = await self._whole_body(scope, receive)
        except ServiceError as error:
            await problem_response(problem_of(error))(scope, receive, send_guarded)
        else:
            await self._app(scope, _replay(body, receive) if body is not None else receive, send_guarded)
        finally:
            self._note(scope, status, time.monotonic() - began)

    def _caller(self, scope: Scope) -> Caller | None:
        headers = Headers(scope=scope)
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind:
            # a token that is wrong is not made good by a cookie beside it
            return self._doorkeeper.by_token(token.strip()) if kind.lower() == "bearer" else None
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(SESSION_COOKIE)
        except CookieError:
            return None
        return self._doorkeeper.by_cookie(cookie.value) if cookie else None

    async def _require_allowed(self, scope: Scope, caller: Caller | None) -> None:
        host = Headers(scope=scope).get("host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name.strip("[]").lower() not in self._config.host_names:
            raise ServiceError(
                "request.wrong_host",
                "the service is not known under the name it was asked by",
                hint="The operator can add the name to `hosts` in service.yaml.",
            )
        if scope["path"].startswith("/health"):
            return
        who = f"{caller.client} {caller.user}" if caller else (scope.get("client") or ("nobody",))[0]
        if scope["path"].startswith("/thumbnails/"):
            who += " images"  # a page shows hundreds: they are counted apart, or nobody could send its form
        if not await self._rate.hit(self._limit, who):
            raise ServiceError(
                "request.too_often",
                f"more than {self._config.limits.requests_per_minute} requests in a minute",
                hint="Wait a minute. GET api/v1/runs/ID/events follows a run without asking again and again.",
            )

    async def _whole_body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The body, read before anybody works on it; None where a request has none."""
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return None
        limit = self._config.limits.request_bytes
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdigit() and int(length) > limit:
            raise _too_long(limit)
        body = b""
        try:
            async with asyncio.timeout(_BODY_TIMEOUT_S):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return body
                    body += bytes(message.get("body", b""))
                    if len(body) > limit:
                        raise _too_long(limit)
                    if not message.get("more_body"):
                        return body
        except TimeoutError:
            raise ServiceError("request.too_slow", "the request did not arrive in time") from None

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.note_request(scope["method"], route, status, seconds)
        # without the query: what people type into addresses by mistake is kept nowhere
        _access.info("%s %r %d %.0f ms", scope["method"], scope["path"], status, 1000 * seconds)


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
