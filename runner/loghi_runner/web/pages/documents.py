"""Documents of platforms that a visitor may choose: with the service's account, or with a token of their own."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import cast

from fastapi import Request

from loghi_runner.errors import RunnerError
from loghi_runner.orders.config import PlatformConfig, Role, ServiceConfig
from loghi_runner.platform.access import checked_token, read_token
from loghi_runner.platform.base import Document, Layer, PageSummary, Platform, PlatformConnection, open_platform
from loghi_runner.web.callers import Caller
from loghi_runner.web.problems import ServiceError

_MOST_DOCUMENTS = 200
_MOST_DIGITS = 18
_TIMEOUT_S = 20.0
_LENT_S = 3600.0
#: The layer that eScriptorium makes for what people type.
_BY_HAND = "manual"


class LentTokens:
    """Tokens of platforms that visitors typed in: an hour in memory and nowhere else, never shown, not even to them."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[float, str]] = {}

    def keep(self, caller: Caller, platform: str, token: str) -> None:
        """Raises UsageError where it has a form no token has."""
        now = time.monotonic()
        self._kept = {key: kept for key, kept in self._kept.items() if now < kept[0]}
        self._kept[_session(caller), platform] = (now + _LENT_S, checked_token(token, "platform_token"))

    def get(self, caller: Caller, platform: str) -> str | None:
        until, token = self._kept.get((_session(caller), platform), (0.0, ""))
        return token if time.monotonic() < until else None

    def forget(self, caller: Caller) -> None:
        self._kept = {key: kept for key, kept in self._kept.items() if key[0] != _session(caller)}


def lent_tokens(request: Request) -> LentTokens:
    return cast(LentTokens, request.app.state.lent_tokens)


@dataclass(frozen=True)
class Choice:
    """What a platform offers a visitor. `asks_token`: the documents are shown once they have given theirs."""

    url: str
    documents: tuple[Document, ...] = ()
    asks_token: bool = False
    problem: RunnerError | None = None


def choices(config: ServiceConfig, caller: Caller, lent: LentTokens) -> dict[str, Choice]:
    """Platforms by name."""
    found = {}
    for name, platform in config.platforms.items():
        token = lent.get(caller, name)
        try:
            if token is None and not _account_may_serve(caller, name, platform):
                found[name] = Choice(platform.url, asks_token=True)
            else:
                found[name] = Choice(platform.url, tuple(_documents(_open(platform, token), caller, name, token)))
        except RunnerError as error:
            found[name] = Choice(platform.url, asks_token=token is not None, problem=error)
    return found


def open_document(config: ServiceConfig, caller: Caller, name: str, document: str, lent: LentTokens) -> Platform:
    """The platform, for a document that this visitor may name; with their own token it judges that itself.

    Raises:
        RunnerError: they may not, or there is no such platform.
    """
    platform, token = config.platforms.get(name), lent.get(caller, name)
    if platform is not None and document.isdecimal() and len(document) <= _MOST_DIGITS:
        if token is None and caller.visit is not None and caller.platform == name:
            caller.visit.require_document(document, is_new=False)
        is_known = caller.role is Role.ADMIN or caller.platform == name
        if token is not None or (is_known and _account_may_serve(caller, name, platform)):
            return _open(platform, token)
    raise ServiceError(
        "request.forbidden",
        "whether this document is yours is not known here",
        where="source",
        hint="Open the document on the platform, and press the button there; or give your own token under New run.",
    )


def best_layer(layers: Sequence[Layer]) -> str:
    """The layer that people have most likely corrected."""
    by_hand = next((layer for layer in layers if layer.name == _BY_HAND), None)
    found = by_hand or next(iter(layers), None)
    return str(found.id) if found else ""


def transcribed_pages(pages: Sequence[PageSummary], *, is_wanted: bool) -> list[str]:
    """Pages that are transcribed, at least in part; or those that are not."""
    return [str(page.id) for page in pages if (page.transcribed > 0) is is_wanted]


def _account_may_serve(caller: Caller, name: str, platform: PlatformConfig) -> bool:
    """Whether the service's own account shows this visitor something there."""
    return platform.token_file is not None and (caller.role is Role.ADMIN or caller.platform == name)


def _documents(platform: Platform, caller: Caller, name: str, token: str | None) -> Iterable[Document]:
    if token is None and caller.platform == name:
        for document in caller.documents:
            if caller.visit is not None:
                caller.visit.require_document(document, is_new=False)
        return [platform.document(int(document)) for document in caller.documents]
    return islice(platform.documents(), _MOST_DOCUMENTS)


def _open(platform: PlatformConfig, token: str | None) -> Platform:
    connection = PlatformConnection(platform.kind, platform.url, timeout_s=_TIMEOUT_S)
    return open_platform(connection, token or read_token(platform.token_file))


def _session(caller: Caller) -> str:
    # a session's own word: two sessions of one person are two; programs have none, and are who their token says
    return caller.csrf or f"{caller.client} {caller.user}"
