"""The platform's button: who presses it is known by their session there, which is used once and not kept."""

import logging
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from loghi_runner.errors import PlatformError
from loghi_runner.platform import open_session
from loghi_runner.platform.base import PlatformConnection, PlatformKind
from loghi_runner.service.access import link, services
from loghi_runner.service.actions import ID_PATTERN, PLATFORM_PATTERN
from loghi_runner.service.callers import SESSION_S, session_cookie
from loghi_runner.service.problems import ServiceError, documented

_log = logging.getLogger(__name__)

#: How long the platform may take to say who asks: somebody waits for a page.
_TIMEOUT_S = 10.0
_MAX_COOKIE = 512
#: What a platform answers when the fault lies with who asks.
_NOT_THEIRS = ("platform.token_refused", "platform.forbidden", "platform.not_found")
#: The cookie by which a platform knows its users.  Source: Django's SESSION_COOKIE_NAME
_THEIR_COOKIE = {PlatformKind.ESCRIPTORIUM: "sessionid"}

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
    name = names[0]
    known = has.config.platforms[name]
    cookie = request.cookies.get(_THEIR_COOKIE[known.kind], "")
    if not cookie or len(cookie) > _MAX_COOKIE or not document.isdigit():
        raise ServiceError(
            "request.not_signed_in",
            "you are not signed in on the platform",
            hint=f"Sign in there, open the document, and press the button again: {known.url}",
        )
    theirs = open_session(PlatformConnection(known.kind, known.url, timeout_s=_TIMEOUT_S), cookie)
    try:
        user = theirs.whoami()
        theirs.document(int(document))
    except PlatformError as error:
        _log.info("launch refused: %s", error.code)
        raise _refused(error, known.url) from None
    session, _caller = has.doorkeeper.session_of_platform(name, user.name, (document,))
    target = f"{link(request, '/start')}?{urlencode({'platform': name, 'document': document})}"
    answer = RedirectResponse(target, status_code=303)
    set_session(answer, session, is_secure=has.config.is_secure, path=has.config.root_path or "/")
    return answer


def set_session(answer: RedirectResponse, session: str, *, is_secure: bool, path: str) -> None:
    """Give a browser the cookie of a session: no script reads it, no other site's form sends it."""
    name = session_cookie(is_secure=is_secure, path=path)
    answer.set_cookie(name, session, max_age=SESSION_S, path=path, secure=is_secure, httponly=True, samesite="lax")


def _refused(error: PlatformError, url: str) -> ServiceError | PlatformError:
    if error.code not in _NOT_THEIRS:
        return error
    return ServiceError(
        "request.forbidden",
        "the platform does not know you, or the document is not yours",
        hint=f"Sign in there, open the document, and press the button again: {url}",
    )
