"""Who asks: a client by its token, a person by the cookie of a session, or nobody."""

import hashlib
import hmac
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from itsdangerous import BadSignature, URLSafeTimedSerializer

from loghi_contract.files import read_plain
from loghi_runner.config.choices import PlatformKind
from loghi_runner.errors import RunnerError
from loghi_runner.files import write_atomically
from loghi_runner.orders.config import PlatformConfig, Role, ServiceConfig
from loghi_runner.platform.base import Platform, PlatformConnection, open_session
from loghi_runner.web.problems import ServiceError

_log = logging.getLogger(__name__)

SESSION_COOKIE = "loghi_session"
SESSION_S = 12 * 3600

_MAX_TOKEN = 512
#: Source: Django's User.username has 150 letters
_MAX_NAME = 150
#: Of ended sessions the last ones of each user; so nobody can push those of others out of the list.
_MOST_ENDED_OF_ONE = 20
_MOST_ENDED_BYTES = 16 << 20
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
        """Who they are there. Raises RunnerError where they are nobody, or the platform does not answer."""
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
        """The session that a browser sent along. Raises ServiceError where it sent none."""
        platform = self._config.platforms[name]
        cookie = cookies.get(_THEIR_COOKIE[platform.kind], "")
        if not cookie or len(cookie) > _MAX_COOKIE:
            raise ServiceError(
                "request.not_signed_in", "you are not signed in on the platform", hint=f"{_AGAIN}: {platform.url}"
            )
        return Visit(name, platform, cookie, self.answers)


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """`user` is whose orders are meant; None where a platform has not said for whom it asks.

    `documents` are those of `platform` that a person was let into by the platform's button.
    `visit` is that person's session there, once the platform has said with this request that it is still them.
    `csrf` is set for whoever came by cookie: the word that each of their changes must repeat.
    """

    client: str
    user: str | None
    role: Role
    platform: str | None = None
    documents: tuple[str, ...] = ()
    csrf: str | None = None
    visit: Visit | None = field(default=None, compare=False, repr=False)

    @property
    def name_there(self) -> str:
        """The name on the platform of whom its button let in; a platform's own name here holds no colon."""
        return (self.user or "").partition(":")[2]

    @property
    def shown_name(self) -> str:
        return (self.user or self.client).rpartition(":")[2]


class EndedSessions:
    """Sessions that somebody has signed out of: a copy of their cookie opens nothing until they would be over anyway.

    Kept in a file, so that they stay ended when the service is started again; by the digests of their words.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writing = threading.Lock()
        #: by a session's digest: when it would be over by itself, and whose it was; the oldest first
        self._ended: dict[str, tuple[float, str]] = {}
        try:
            kept = json.loads(read_plain(file, _MOST_ENDED_BYTES, follow_links=False))
            self._ended = {str(digest): (float(until), str(user)) for digest, until, user in kept}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError) as error:
            _log.warning("%s cannot be read, sessions signed out of before now may be open again: %s", file, error)

    def __contains__(self, word: str) -> bool:
        return token_digest(word) in self._ended

    def add(self, word: str, user: str) -> None:
        with self._writing:
            now = time.time()
            ended = {digest: kept for digest, kept in self._ended.items() if now < kept[0]}
            own = [digest for digest, kept in ended.items() if kept[1] == user]
            for digest in own[: max(0, len(own) + 1 - _MOST_ENDED_OF_ONE)]:
                del ended[digest]
            self._ended = ended | {token_digest(word): (now + SESSION_S, user)}
            rows = [(digest, *kept) for digest, kept in self._ended.items()]
            try:
                write_atomically(self._file, json.dumps(rows))
            except OSError as error:
                _log.warning("%s cannot be written, sessions are ended until the service ends: %s", self._file, error)


class Doorkeeper:
    """Knows the clients' tokens by their digests, and signs sessions."""

    def __init__(self, config: ServiceConfig, key: bytes, ended: EndedSessions) -> None:
        self._config = config
        self._ended = ended
        self._serializer = URLSafeTimedSerializer(key, salt="session", signer_kwargs={"digest_method": hashlib.sha256})

    def by_token(self, token: str) -> Caller | None:
        """The client of a token; the time it takes tells nothing of the tokens there are."""
        digest = token_digest(token[:_MAX_TOKEN])
        found = None
        for client in self._config.clients:
            if hmac.compare_digest(client.token_sha256, digest):
                found = client
        if found is None:
            return None
        user = found.name if found.role is not Role.PLATFORM else None
        return Caller(found.name, user, found.role)

    def by_cookie(self, cookie: str) -> Caller | None:
        """The person of a session; None when it is over, was changed, or its client is no longer there."""
        try:
            value = self._serializer.loads(cookie[:4096], max_age=SESSION_S)
        except BadSignature:
            return None
        if value["csrf"] in self._ended:
            return None
        client, platform = str(value["client"]), value["platform"]
        known = self._config.client(client)
        if platform is None and (known is None or known.token_sha256[:16] != value["proof"]):
            return None
        if platform is not None and platform not in self._config.platforms:
            return None
        role = Role.PERSON if known is None or platform is not None else known.role
        return Caller(client, value["user"], role, platform, tuple(value["documents"]), value["csrf"])

    def session_of_client(self, caller: Caller) -> str:
        """A cookie for a client that has signed in on the web page with its token."""
        known = self._config.client(caller.client)
        return self._signed(caller, known.token_sha256[:16] if known else "")

    def session_of_platform(self, platform: str, name: str, documents: tuple[str, ...]) -> str:
        """A cookie for somebody whom the platform knows. Raises ServiceError for a name that cannot be shown."""
        if not name.isprintable() or len(name) > _MAX_NAME:
            raise ServiceError("request.bad_user", "your name on the platform has signs that cannot be shown")
        return self._signed(Caller(platform, f"{platform}:{name}", Role.PERSON, platform, documents), "")

    def end_session(self, caller: Caller) -> None:
        """Let no copy of the caller's cookie in again."""
        if caller.csrf is not None:
            self._ended.add(caller.csrf, f"{caller.client} {caller.user}")

    def _signed(self, caller: Caller, proof: str) -> str:
        value = {
            "client": caller.client,
            "user": caller.user,
            "platform": caller.platform,
            "documents": caller.documents,
            "csrf": secrets.token_urlsafe(24),
            "proof": proof,
        }
        return str(self._serializer.dumps(value))


def session_cookie(config: ServiceConfig) -> str:
    """The cookie's name; where browsers hold to it, one that no other host or path, and no plain HTTP, can set."""
    return f"__Host-{SESSION_COOKIE}" if config.is_secure and not config.root_path else SESSION_COOKIE


def new_token() -> str:
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
