"""A run as a task in eScriptorium's task list, and its cancel button as ours.

Servers of 2024 and 2025 let an account write its own task reports, though no document says so; one that does not is
no fault.
"""

import logging

from loghi_runner.clock import utc_now
from loghi_runner.errors import PlatformError
from loghi_runner.platform.base import Outcome
from loghi_runner.platform.escriptorium.server import Server

_RUNNING, _CANCELLED = 1, 4
#: eScriptorium's words for them: crashed, finished, canceled.
_STATES = {Outcome.FAILED: 2, Outcome.FINISHED: 3, Outcome.CANCELLED: _CANCELLED}
_MAX_TITLE, _MAX_MESSAGES = 256, 8000
_log = logging.getLogger(__name__)


class TaskReport:
    """One task; `id` is None where the server does not take any."""

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

    def end(self, outcome: Outcome, message: str) -> None:
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
