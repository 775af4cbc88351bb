"""Into the pages and out: sign in, a platform's button, sign out; the files all pages share, problems as pages.

Who presses the button is known by their session on the platform, which is used once and not kept.
"""

import re
from importlib.resources import files
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from loghi_runner.orders.actions import ID_PATTERN, PLATFORM_PATTERN
from loghi_runner.orders.config import Role
from loghi_runner.web.access import caller_of, is_own_origin, link, require_own_page, services, set_cookie
from loghi_runner.web.callers import SESSION_S, session_cookie
from loghi_runner.web.pages.render import show
from loghi_runner.web.pages.start import lent_tokens
from loghi_runner.web.problems import Problem, ServiceError, documented

_SHELVES = {
    "style.css": ("loghi_runner.report", "templates/style.css", "text/css"),
    "service.css": ("loghi_runner.web.pages", "static/service.css", "text/css"),
    "start.js": ("loghi_runner.web.pages", "static/start.js", "text/javascript"),
    "run.js": ("loghi_runner.web.pages", "static/run.js", "text/javascript"),
    # the button; asked for by the platform's pages, see docs/escriptorium/nginx-loghi.conf
    "escriptorium.js": ("loghi_runner.web.pages", "static/escriptorium.js", "text/javascript"),
}
#: Pages that somebody who was sent to sign in may come back to.
_BACK = re.compile(r"/(start|orders/[a-z2-7]{16})?")

router = APIRouter(include_in_schema=False)
#: What the platform's button asks for; a platform can read of it in the OpenAPI description.
button = APIRouter(tags=["platform"], responses=documented(400, 401, 403, 404, 421, 422, 429, 431, 503))


def error_page(request: Request, problem: Problem) -> Response | None:
    """A problem as a page for people; programs get theirs as JSON."""
    wants_page = "text/html" in request.headers.get("accept", "")
    if not wants_page or request.scope["path"].startswith("/api/"):
        return None
    caller = caller_of(request)
    is_from_platform = request.scope["path"] == "/launch" or (caller is not None and caller.platform is not None)
    if problem.status == 401 and not is_from_platform:
        return RedirectResponse(f"{link(request, '/sign-in')}?back={request.scope['path']}", status_code=303)
    return show(request, "trouble.html", problem.status, problem=problem, title=problem.title)


@router.get("/static/{name}")
def static(name: str) -> Response:
    """A file that all pages share."""
    if name not in _SHELVES:
        raise ServiceError("order.not_there", "there is no such file")
    package, path, media_type = _SHELVES[name]
    content = files(package).joinpath(path).read_bytes()
    return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})


@router.get("/sign-in")
def sign_in_page(request: Request) -> HTMLResponse:
    return show(request, "sign_in.html", problem=None)


@router.post("/sign-in")
def sign_in(request: Request, token: Annotated[str, Form(max_length=512)], back: str = "/") -> Response:
    """From an access code to a session."""
    has = services(request)
    caller = has.doorkeeper.by_token(token.strip())
    if caller is None or caller.role is Role.PLATFORM or not is_own_origin(request):
        problem = ServiceError("request.bad_token", "the access code is not known here", hint="Is it whole?")
        return show(request, "sign_in.html", 401, problem=problem)
    target = back if _BACK.fullmatch(back) else "/"
    answer = RedirectResponse(link(request, target), status_code=303)
    session = has.doorkeeper.session_of_client(caller)
    set_cookie(answer, has.config, session_cookie(has.config), session, age_s=SESSION_S)
    return answer


@router.post("/sign-out")
def sign_out(request: Request, csrf: Annotated[str, Form()] = "") -> Response:
    require_own_page(request, csrf)
    has = services(request)
    if (caller := caller_of(request)) is not None:
        lent_tokens(request).forget(caller)
        has.doorkeeper.end_session(caller)
    answer = RedirectResponse(link(request, "/sign-in"), status_code=303)
    answer.delete_cookie(session_cookie(has.config), path=has.config.cookie_path, secure=has.config.is_secure)
    return answer


@button.get("/launch", status_code=303, response_class=RedirectResponse)
def launch(
    request: Request,
    document: Annotated[str, Query(pattern=ID_PATTERN, description="Id of the document on the platform.")],
    platform: Annotated[
        str | None, Query(pattern=PLATFORM_PATTERN, description="Its name; not needed for one.")
    ] = None,
) -> RedirectResponse:
    """Sign in somebody whom the platform knows, and open the form for a document that is theirs."""
    has = services(request)
    names = [platform] if platform else list(has.config.platforms)
    if len(names) != 1 or names[0] not in has.config.platforms:
        raise ServiceError("request.no_such_platform", "the service knows no such platform", where="platform")
    visit = has.visits.visit(names[0], request.cookies)
    visit.require_document(document, is_new=True)
    user = visit.user_name(is_new=True)
    session = has.doorkeeper.session_of_platform(visit.name, user, (document,))
    target = f"{link(request, '/start')}?{urlencode({'platform': visit.name, 'document': document})}"
    answer = RedirectResponse(target, status_code=303)
    set_cookie(answer, has.config, session_cookie(has.config), session, age_s=SESSION_S)
    return answer
