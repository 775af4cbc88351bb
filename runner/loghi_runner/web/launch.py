"""The platform's button: who presses it is known by their session there, which is used once and not kept."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from loghi_runner.orders.actions import ID_PATTERN, PLATFORM_PATTERN
from loghi_runner.web.access import link, services
from loghi_runner.web.callers import SESSION_S, session_cookie
from loghi_runner.web.problems import ServiceError, documented

router = APIRouter(tags=["platform"], responses=documented(400, 401, 403, 404, 421, 422, 429, 431, 503))


@router.get("/launch", status_code=303, response_class=RedirectResponse)
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
    session, _caller = has.doorkeeper.session_of_platform(visit.name, user, (document,))
    target = f"{link(request, '/start')}?{urlencode({'platform': visit.name, 'document': document})}"
    answer = RedirectResponse(target, status_code=303)
    set_session(answer, session, is_secure=has.config.is_secure, path=has.config.root_path or "/")
    return answer


def set_session(answer: RedirectResponse, session: str, *, is_secure: bool, path: str) -> None:
    """Give a browser the cookie of a session: no script reads it, no other site's form sends it."""
    name = session_cookie(is_secure=is_secure, path=path)
    answer.set_cookie(name, session, max_age=SESSION_S, path=path, secure=is_secure, httponly=True, samesite="lax")
