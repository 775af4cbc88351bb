"""What endpoints ask about a request: which service, who asks, and whether our own page has sent it."""

import hmac
import re
from dataclasses import dataclass, replace
from typing import cast

from fastapi import Header, Request, Response

from loghi_runner.orders.config import Role, ServiceConfig
from loghi_runner.orders.state import StateFolder
from loghi_runner.web.callers import Caller, Doorkeeper, Visits
from loghi_runner.web.metrics import Metrics
from loghi_runner.web.order_access import OrderAccess
from loghi_runner.web.problems import ServiceError
from loghi_runner.web.sse import Feeds

CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
USER_HEADER = "Loghi-User"

_USER = re.compile(r"[!-9;-~](?:[ -9;-~]{0,98}[!-9;-~])?")


@dataclass(frozen=True)
class Services:
    """Everything an endpoint may use; `app.state.services`."""

    config: ServiceConfig
    state: StateFolder
    doorkeeper: Doorkeeper
    orders: OrderAccess
    feeds: Feeds
    metrics: Metrics
    visits: Visits


def services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


def set_cookie(answer: Response, config: ServiceConfig, name: str, value: str, *, age_s: int) -> None:
    """One that no script reads, and that no other site's form sends."""
    path, secure = config.cookie_path, config.is_secure
    answer.set_cookie(name, value, max_age=age_s, path=path, secure=secure, httponly=True, samesite="lax")


def caller_of(request: Request) -> Caller | None:
    """Who asks; None for somebody unknown."""
    return cast(Caller | None, getattr(request.state, "caller", None))


def required_caller(request: Request) -> Caller:
    """Who asks; whom a platform let in is asked for there again. Raises RunnerError for anybody unknown."""
    caller = caller_of(request)
    if caller is not None and caller.platform is not None and caller.visit is None:
        visit = services(request).visits.visit(caller.platform, request.cookies)
        visit.require_user(caller.name_there, is_new=False)
        caller = request.state.caller = replace(caller, visit=visit)
    if caller is not None:
        return caller
    if "authorization" in request.headers:
        raise ServiceError("request.bad_token", "the token is not known here", hint="Ask the operator for a new one.")
    raise ServiceError("request.not_signed_in", "this is only for those who are known here", hint="Sign in first.")


def acting_caller(
    request: Request,
    loghi_user: str | None = Header(
        default=None, max_length=100, description="For platforms: the user for whom they ask."
    ),
) -> Caller:
    """Who asks, and for a platform: for which of its users."""
    caller = required_caller(request)
    if loghi_user is None or caller.role is not Role.PLATFORM:
        return caller
    if not _USER.fullmatch(loghi_user):
        raise ServiceError("request.bad_user", "this is no user's name", where=USER_HEADER)
    return replace(caller, user=f"{caller.client}:{loghi_user}")


def require_own_page(request: Request, csrf: str | None = None) -> None:
    """A change that came with a cookie must come from our own page, and repeat the session's word.

    Args:
        csrf: the word from a form; without one it is looked for in the header.
    """
    caller = caller_of(request)
    if request.method in ("GET", "HEAD", "OPTIONS") or caller is None or caller.csrf is None:
        return
    given = csrf or request.headers.get(CSRF_HEADER, "")
    if not is_own_origin(request) or not hmac.compare_digest(given.encode(), caller.csrf.encode()):
        raise ServiceError(
            "request.csrf",
            "the request did not come from a page of this service",
            hint="Load the page again, and try once more.",
        )


def require_own_script(request: Request) -> None:
    """The same for the API: what our pages' scripts send has the word in a header."""
    require_own_page(request)


def is_own_origin(request: Request) -> bool:
    """Whether a browser says that one of our pages has sent it; the name in `Host` was looked at before."""
    origin = request.headers.get("origin", "")
    own = services(request).config.origin
    return origin == own or origin == f"{own.partition('://')[0]}://{request.headers.get('host', '')}"


def link(request: Request, path: str) -> str:
    """A path of the service as a browser has to ask for it, below a proxy's path too."""
    return f"{request.scope.get('root_path', '')}{path}"
