"""An eScriptorium of 2024 to 2026 as a Platform, by its REST interface alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from loghi_runner.platform.base import Document, OnProgress, PageSummary, PlatformUser, Pulled, Pushed, Source
from loghi_runner.platform.escriptorium.answers import read_document, read_summary, read_user, thumbnail_uri
from loghi_runner.platform.escriptorium.pull import Puller
from loghi_runner.platform.escriptorium.push import Pusher
from loghi_runner.platform.escriptorium.server import Server
from loghi_runner.platform.escriptorium.tasks import TaskReport
from loghi_runner.platform.image_cache import ImageCache, default_cache


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
        return [read_summary(item) for item in self._server.every(f"documents/{document_id}/parts/")]

    def thumbnail(self, document_id: int, page_id: int) -> bytes:
        return self._server.image(thumbnail_uri(self._server.get(f"documents/{document_id}/parts/{page_id}/")))

    def pull(self, source: Source, folder: Path, on_progress: OnProgress) -> Pulled:
        return Puller(self._server, self._parallel, ImageCache(default_cache())).pull(source, folder, on_progress)

    def push(self, pulled: Path, recognized: Path, layer_name: str, comment: str, on_progress: OnProgress) -> Pushed:
        return Pusher(self._server).push(pulled, recognized, layer_name, comment, on_progress)

    def report(self, document_id: int, title: str, known: int | None = None) -> TaskReport:
        return TaskReport(self._server, document_id, title, known)
