"""Who asks: a client by its token, a person by the cookie of a session, or nobody."""

import hashlib
import hmac
import json
import logging
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from itsdangerous import BadSignature, URLSafeTimedSerializer

from loghi_contract.files import read_plain
from loghi_runner.files import write_atomically
from loghi_runner.orders.config import Role, ServiceConfig
from loghi_runner.web.problems import ServiceError
from loghi_runner.web.visits import Visit

_log = logging.getLogger(__name__)

SESSION_COOKIE = "loghi_session"
SESSION_S = 12 * 3600

_MAX_TOKEN = 512
#: Source: Django's User.username has 150 letters
_MAX_NAME = 150
#: Of ended sessions the last ones of each user; so nobody can push those of others out of the list.
_MOST_ENDED_OF_ONE = 20
_MOST_ENDED_BYTES = 16 << 20


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

    def __init__(self, file: Path, session_s: float) -> None:
        self._file = file
        self._session_s = session_s
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
            self._ended = ended | {token_digest(word): (now + self._session_s, user)}
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

    def session_of_platform(self, platform: str, name: str, documents: tuple[str, ...]) -> tuple[str, Caller]:
        """A cookie for somebody whom the platform knows. Raises ServiceError for a name that cannot be shown."""
        if not name.isprintable() or len(name) > _MAX_NAME:
            raise ServiceError("request.bad_user", "your name on the platform has signs that cannot be shown")
        caller = Caller(platform, f"{platform}:{name}", Role.PERSON, platform, documents)
        return self._signed(caller, ""), caller

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


def session_cookie(*, is_secure: bool, path: str) -> str:
    """The cookie's name; where browsers hold to it, one that no other host or path, and no plain HTTP, can set."""
    return f"__Host-{SESSION_COOKIE}" if is_secure and path == "/" else SESSION_COOKIE


def new_token() -> str:
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
