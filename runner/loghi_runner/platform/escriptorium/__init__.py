"""An eScriptorium of 2024 to 2026 as a Platform, by its REST interface alone."""

import logging
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from loghi_runner.aliases import OnProgress
from loghi_runner.clock import utc_now
from loghi_runner.errors import PlatformError, UsageError
from loghi_runner.platform import base
from loghi_runner.platform.access import checked_token, parse_origin
from loghi_runner.platform.escriptorium import answers
from loghi_runner.platform.escriptorium.pull import Puller
from loghi_runner.platform.escriptorium.push import Pusher
from loghi_runner.platform.escriptorium.server import AnswerTooLong, Credential, Server
from loghi_runner.platform.pulled import ImageCache

_MOST_THUMBNAIL_BYTES = 2_000_000
#: What people transcribe into, unless they have made a layer of their own.
_USUAL_LAYER = "manual"
#: States of a task.
_RUNNING, _CANCELLED = 1, 4
#: eScriptorium's words for them: crashed, finished, canceled.
_STATES = {base.Outcome.FAILED: 2, base.Outcome.FINISHED: 3, base.Outcome.CANCELLED: _CANCELLED}
_MAX_TITLE, _MAX_MESSAGES = 256, 8000
_log = logging.getLogger(__name__)


class TaskReport:
    """A run as a task in eScriptorium's task list, and its cancel button as ours; `id` is None where it takes none.

    Servers of 2024 and 2025 let an account write its own task reports, though no document says so; one that does not
    is no fault.
    """

    def __init__(self, server: Server, document: int, title: str, known: int | None) -> None:
        self._server = server
        self.id = known
        self._messages: list[str] = []
        try:
            if known is None:
                self.id = self._begin(document, title)
            else:
                answer = server.get(f"tasks/{known}/")
                self._messages = str(answer.get("messages") or "").splitlines()
        except (PlatformError, KeyError, TypeError, AttributeError) as error:
            _log.info("the platform shows no task: %s", error)
            self.id = None

    def update(self, message: str) -> None:
        if self._messages[-1:] == [message]:
            return
        self._messages.append(message)
        self._change({"messages": self._text()})

    def is_cancelled(self) -> bool:
        if self.id is None:
            return False
        try:
            answer = self._server.get(f"tasks/{self.id}/")
            cancelled = bool(answer.get("workflow_state") == _CANCELLED)
            if cancelled:
                # the platform has added who it was
                self._messages = str(answer.get("messages") or "").splitlines()
            return cancelled
        except (PlatformError, AttributeError) as error:
            _log.info("the platform does not say whether the task was cancelled: %s", error)
            return False

    def end(self, outcome: base.Outcome, message: str) -> None:
        self._messages.append(message)
        self._change({"workflow_state": _STATES[outcome], "messages": self._text(), "done_at": utc_now()})

    def _begin(self, document: int, title: str) -> int:
        body = {
            "label": title[:_MAX_TITLE],
            "document": document,
            "workflow_state": _RUNNING,
            "method": "loghi.finetune",
            # one's own account alone: the field would take any
            "user": self._server.get("users/current/")["pk"],
            "messages": "",
            "started_at": utc_now(),
        }
        return int(self._server.send("POST", "tasks/", body)["pk"])

    def _change(self, body: dict[str, object]) -> None:
        if self.id is None:
            return
        try:
            self._server.send("PATCH", f"tasks/{self.id}/", body)
        except PlatformError as error:
            _log.info("the platform was not told: %s", error)

    def _text(self) -> str:
        return "\n".join(self._messages)[-_MAX_MESSAGES:]


class EScriptorium:
    """A Platform."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def whoami(self) -> base.PlatformUser:
        return answers.read_user(self._server.get("users/current/"))

    def documents(self) -> Iterator[base.Document]:
        for item in self._server.every("documents/?ordering=-updated_at"):
            yield answers.read_document(item)

    def document(self, document_id: int) -> base.Document:
        return answers.read_document(self._server.get(f"documents/{document_id}/"))

    def pages(self, document_id: int) -> Sequence[base.PageSummary]:
        pages = [answers.read_summary(item) for item in self._server.every(f"documents/{document_id}/parts/")]
        # transcriptions that were imported are not counted by the platform: its 0 may mean anything
        unknown = [page.id for page in pages if page.transcribed == 0]
        layers = self.document(document_id).layers if unknown else ()
        if not layers:
            return pages
        layer = next((layer for layer in layers if layer.name == _USUAL_LAYER), min(layers, key=lambda each: each.id))
        with ThreadPoolExecutor(max_workers=self._server.parallel) as pool:
            shares = dict(zip(unknown, pool.map(partial(self._share, document_id, layer.id), unknown), strict=True))
        return [replace(page, transcribed=shares.get(page.id, page.transcribed)) for page in pages]

    def thumbnail(self, document_id: int, page_id: int) -> bytes:
        uri = answers.thumbnail_uri(self._server.get(f"documents/{document_id}/parts/{page_id}/"))
        try:
            return self._server.image(uri, _MOST_THUMBNAIL_BYTES)
        except AnswerTooLong:
            # the platform has made no thumbnail yet, and gives the page itself
            return base.EMPTY_PICTURE

    def pull(self, source: base.Source, folder: Path, on_progress: OnProgress) -> base.Pulled:
        return Puller(self._server, source, folder, ImageCache()).pull(on_progress)

    def push(
        self, pulled: Path, recognized: Path, layer_name: str, comment: str, on_progress: OnProgress
    ) -> base.Pushed:
        return Pusher(self._server, pulled, recognized).push(layer_name, comment, on_progress)

    def report(self, document_id: int, title: str, known: int | None = None) -> TaskReport:
        return TaskReport(self._server, document_id, title, known)

    def _share(self, document_id: int, layer: int, page: int) -> float:
        """How many of a page's lines have a text in a layer, by the first hundred of them."""
        place = f"documents/{document_id}/parts/{page}/"
        texts = self._server.get(f"{place}transcriptions/?transcription={layer}")
        first = texts.get("results", []) if isinstance(texts, dict) else []
        if not first:
            return 0.0
        lines = self._server.get(f"{place}lines/?paginate_by=1")
        counted = lines.get("count") if isinstance(lines, dict) else None
        with_text = sum(bool(answers.read_line_text(text).content.strip()) for text in first) / len(first)
        return min(1.0, with_text * texts.get("count", 0) / counted) if counted else 0.0


def with_token(connection: base.PlatformConnection, token: str) -> EScriptorium:
    """As the token's account. Raises UsageError for what is no token or no address."""
    return _open(connection, Credential("Authorization", f"Token {checked_token(token, 'the token')}"))


def with_session(connection: base.PlatformConnection, cookie: str) -> EScriptorium:
    """As somebody who is logged in with a browser. Raises UsageError for what is no cookie or no address."""
    if not re.fullmatch(r"[A-Za-z0-9._:=+/-]{8,512}", cookie):
        raise UsageError("platform.session_form", "the browser's session cookie has an impossible form")
    return _open(connection, Credential("Cookie", f"sessionid={cookie}"))


def _open(connection: base.PlatformConnection, credential: Credential) -> EScriptorium:
    return EScriptorium(Server(parse_origin(connection.url), credential, connection.parallel, connection.timeout_s))
