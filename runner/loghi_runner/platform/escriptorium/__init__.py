"""An eScriptorium of 2024 to 2026 as a Platform, by its REST interface alone."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from loghi_runner.aliases import OnProgress
from loghi_runner.errors import UsageError
from loghi_runner.platform.access import checked_token, parse_origin
from loghi_runner.platform.base import (
    EMPTY_PICTURE,
    Document,
    PageSummary,
    PlatformConnection,
    PlatformUser,
    Pulled,
    Pushed,
    Source,
)
from loghi_runner.platform.escriptorium.answers import (
    read_document,
    read_line_text,
    read_summary,
    read_user,
    thumbnail_uri,
)
from loghi_runner.platform.escriptorium.pull import Puller
from loghi_runner.platform.escriptorium.push import Pusher
from loghi_runner.platform.escriptorium.server import AnswerTooLong, Credential, Server
from loghi_runner.platform.escriptorium.tasks import TaskReport
from loghi_runner.platform.pulled import ImageCache, default_cache

_MOST_THUMBNAIL_BYTES = 2_000_000
#: What people transcribe into, unless they have made a layer of their own.
_USUAL_LAYER = "manual"


class EScriptorium:
    """A Platform."""

    def __init__(self, server: Server, parallel: int) -> None:
        self._server = server
        self._parallel = parallel

    def whoami(self) -> PlatformUser:
        return read_user(self._server.get("users/current/"))

    def documents(self) -> Iterator[Document]:
        for item in self._server.every("documents/?ordering=-updated_at"):
            yield read_document(item)

    def document(self, document_id: int) -> Document:
        return read_document(self._server.get(f"documents/{document_id}/"))

    def pages(self, document_id: int) -> Sequence[PageSummary]:
        pages = [read_summary(item) for item in self._server.every(f"documents/{document_id}/parts/")]
        # transcriptions that were imported are not counted by the platform: its 0 may mean anything
        unknown = [page.id for page in pages if page.transcribed == 0]
        layers = self.document(document_id).layers if unknown else ()
        if not layers:
            return pages
        layer = next((layer for layer in layers if layer.name == _USUAL_LAYER), min(layers, key=lambda each: each.id))
        with ThreadPoolExecutor(max_workers=self._parallel) as pool:
            shares = dict(zip(unknown, pool.map(partial(self._share, document_id, layer.id), unknown), strict=True))
        return [replace(page, transcribed=shares.get(page.id, page.transcribed)) for page in pages]

    def thumbnail(self, document_id: int, page_id: int) -> bytes:
        uri = thumbnail_uri(self._server.get(f"documents/{document_id}/parts/{page_id}/"))
        try:
            return self._server.image(uri, _MOST_THUMBNAIL_BYTES)
        except AnswerTooLong:
            # the platform has made no thumbnail yet, and gives the page itself
            return EMPTY_PICTURE

    def pull(self, source: Source, folder: Path, on_progress: OnProgress) -> Pulled:
        return Puller(self._server, self._parallel, ImageCache(default_cache())).pull(source, folder, on_progress)

    def push(self, pulled: Path, recognized: Path, layer_name: str, comment: str, on_progress: OnProgress) -> Pushed:
        return Pusher(self._server).push(pulled, recognized, layer_name, comment, on_progress)

    def report(self, document_id: int, title: str, known: int | None = None) -> TaskReport:
        return TaskReport(self._server, document_id, title, known)

    def _share(self, document_id: int, layer: int, page: int) -> float:
        """How many of a page's lines have a text in a layer, by the first hundred of them."""
        base = f"documents/{document_id}/parts/{page}/"
        texts = self._server.get(f"{base}transcriptions/?transcription={layer}")
        first = texts.get("results", []) if isinstance(texts, dict) else []
        if not first:
            return 0.0
        lines = self._server.get(f"{base}lines/?paginate_by=1")
        counted = lines.get("count") if isinstance(lines, dict) else None
        with_text = sum(bool(read_line_text(text).content.strip()) for text in first) / len(first)
        return min(1.0, with_text * texts.get("count", 0) / counted) if counted else 0.0


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
