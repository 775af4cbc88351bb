"""The adapter for eScriptorium."""

import re

from loghi_runner.errors import UsageError
from loghi_runner.platform.base import PlatformConnection
from loghi_runner.platform.escriptorium.client import EScriptorium
from loghi_runner.platform.escriptorium.server import Credential, Server
from loghi_runner.platform.origin import parse_origin
from loghi_runner.platform.token import checked_token


def with_token(connection: PlatformConnection, token: str) -> EScriptorium:
    """As the token's account. Raises UsageError for what is no token or no address."""
    return _open(connection, Credential("Authorization", f"Token {checked_token(token, 'the token')}"))


def with_session(connection: PlatformConnection, cookie: str) -> EScriptorium:
    """As somebody who is logged in with a browser. Raises UsageError for what is no cookie or no address."""
    if not re.fullmatch(r"[A-Za-z0-9._:=+/-]{8,512}", cookie):
        raise UsageError("platform.session_form", "the browser's session cookie has an impossible form")
    return _open(connection, Credential("Cookie", f"sessionid={cookie}"))


def _open(connection: PlatformConnection, credential: Credential) -> EScriptorium:
    origin = parse_origin(connection.url)
    return EScriptorium(Server(origin, credential, connection.parallel, connection.timeout_s), connection.parallel)
