"""Whom the platform's button let in, asked of the platform again: our session outlives theirs, and browsers are shared.

The platform is asked with the session that the browser sends along. The session itself is never kept.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from loghi_runner.config.choices import PlatformKind
from loghi_runner.errors import RunnerError
from loghi_runner.orders.config import PlatformConfig, ServiceConfig
from loghi_runner.platform.base import Platform, PlatformConnection, open_session
from loghi_runner.web.problems import ServiceError

_log = logging.getLogger(__name__)

#: How long an answer of the platform is good for what is only shown; what is ordered or written asks anew.
KEPT_S = 60.0

#: How long the platform may take to say who asks: somebody waits for a page.
_TIMEOUT_S = 10.0
_MAX_COOKIE = 512
_MAX_DIGITS = 18
#: What a platform answers when the fault lies with who asks.
_NOT_THEIRS = ("platform.token_refused", "platform.forbidden", "platform.not_found", "platform.session_form")
#: The cookie by which a platform knows its users.  Source: Django's SESSION_COOKIE_NAME
_THEIR_COOKIE = {PlatformKind.ESCRIPTORIUM: "sessionid"}
_AGAIN = "Sign in there, open the document, and press the button again"

_Key = tuple[str, ...]


class _Answers:
    """What was asked of platforms a short while ago; many requests at once ask once."""

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self._lock = threading.Lock()
        self._kept: dict[_Key, tuple[float, Future[str]]] = {}

    def get(self, key: _Key, ask: Callable[[], str], *, is_new: bool) -> str:
        """The answer; one that is no answer but an error is not kept."""
        with self._lock:
            now = self.clock()
            self._kept = {each: kept for each, kept in self._kept.items() if now < kept[0]}
            known = None if is_new else self._kept.get(key)
            answer: Future[str] = Future()
            if known is None:
                self._kept[key] = (now + KEPT_S, answer)
        if known is not None:
            return known[1].result()
        try:
            answer.set_result(ask())
        except BaseException as error:
            with self._lock:
                if self._kept.get(key, (0.0, None))[1] is answer:
                    del self._kept[key]
            answer.set_exception(error)
            raise
        return answer.result()


@dataclass(frozen=True)
class Visit:
    """Somebody's session on a platform, as their browser sent it with one request."""

    name: str
    platform: PlatformConfig
    cookie: str = field(repr=False)
    answers: _Answers = field(repr=False)

    def user_name(self, *, is_new: bool) -> str:
        """Who they are there.

        Raises:
            RunnerError: they are not signed in there, or the platform does not answer.
        """
        return self._ask("", lambda theirs: theirs.whoami().name, is_new=is_new)

    def require_user(self, name: str, *, is_new: bool) -> None:
        """Raises RunnerError where it is somebody else by now, or nobody."""
        if self.user_name(is_new=is_new) != name:
            raise ServiceError(
                "request.forbidden",
                "you are signed in on the platform as somebody else than here",
                hint=f"{_AGAIN}: {self.platform.url}",
            )

    def require_document(self, document: str, *, is_new: bool) -> None:
        """Raises RunnerError where the document is not theirs (any more)."""
        if not document.isascii() or not document.isdigit() or len(document) > _MAX_DIGITS:
            raise ServiceError(
                "request.forbidden", "the platform has no such document", hint=f"{_AGAIN}: {self.platform.url}"
            )
        self._ask(document, lambda theirs: str(theirs.document(int(document)).id), is_new=is_new)

    def _ask(self, document: str, question: Callable[[Platform], str], *, is_new: bool) -> str:
        def ask() -> str:
            connection = PlatformConnection(self.platform.kind, self.platform.url, timeout_s=_TIMEOUT_S)
            return question(open_session(connection, self.cookie))

        key = (self.name, hashlib.sha256(self.cookie.encode()).hexdigest(), document)
        try:
            return self.answers.get(key, ask, is_new=is_new)
        except RunnerError as error:
            if error.code not in _NOT_THEIRS:
                raise
            _log.info("refused by the platform: %s", error.code)
        raise ServiceError(
            "request.forbidden",
            "the platform does not know you (any more), or the document is not yours (any more)",
            hint=f"{_AGAIN}: {self.platform.url}",
        )


class Visits:
    """The platforms of a service, asked for whoever comes from one of them."""

    def __init__(self, config: ServiceConfig) -> None:
        self._config = config
        self.answers = _Answers()

    def visit(self, name: str, cookies: dict[str, str]) -> Visit:
        """The session that a browser sent along.

        Raises:
            ServiceError: it sent none.
        """
        platform = self._config.platforms[name]
        cookie = cookies.get(_THEIR_COOKIE[platform.kind], "")
        if not cookie or len(cookie) > _MAX_COOKIE:
            raise ServiceError(
                "request.not_signed_in", "you are not signed in on the platform", hint=f"{_AGAIN}: {platform.url}"
            )
        return Visit(name, platform, cookie, self.answers)
