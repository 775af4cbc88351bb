"""A run's events as they come, for many followers at once: one reader a run, lines shared by all of them.

An event's id is the place in events.jsonl where it ends, so whoever comes back with `Last-Event-ID` goes on there.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sse_starlette import ServerSentEvent

from loghi_contract.files import open_plain
from loghi_runner.orders.orders import OrderFolder, OrderState
from loghi_runner.web.metrics import Metrics

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5
_CHUNK_BYTES = 64 * 1024
#: So many of the last lines are kept for followers who are up to date; others read the file.
_KEPT_LINES = 512


def read_lines(events_file: Path, offset: int) -> list[tuple[int, bytes]]:
    """Whole lines from a place in the file, each with the place where it ends; a part of them, if there are many."""
    try:
        with open_plain(events_file) as file:
            file.seek(offset)
            chunk = file.read(_CHUNK_BYTES)
    except OSError:
        return []
    lines = []
    for line in chunk.split(b"\n")[:-1]:
        offset += len(line) + 1
        lines.append((offset, line))
    return lines


def is_line_end(events_file: Path, offset: int) -> bool:
    """Whether a place that a follower names is one where an event ended."""
    if offset == 0:
        return True
    try:
        with open_plain(events_file) as file:
            file.seek(offset - 1)
            return file.read(1) == b"\n"
    except (OSError, OverflowError, ValueError):
        return False


@dataclass(frozen=True)
class _Known:
    """The last lines of a file that may have a million, and where they begin and end in it."""

    start: int = 0
    end: int = 0
    lines: tuple[tuple[int, bytes], ...] = ()

    def with_lines(self, fresh: Sequence[tuple[int, bytes]]) -> "_Known":
        lines = (*self.lines, *fresh)
        left_out = len(lines) - _KEPT_LINES
        start = lines[left_out - 1][0] if left_out > 0 else self.start
        return _Known(start, lines[-1][0], lines[-_KEPT_LINES:])


class Feed:
    """What is new in one order. It is looked at while somebody follows."""

    def __init__(self, folder: OrderFolder) -> None:
        self._folder = folder
        self._known = _Known()
        self.changed = asyncio.Event()
        self._task = asyncio.create_task(self._keep_looking())
        self.followers = 0
        self.events_file: Path | None = None
        #: None until the first look
        self.state: OrderState | None = None

    async def end(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def after(self, offset: int) -> list[tuple[int, bytes]]:
        """Lines that end after a place: from memory, or from the file for whoever is far behind."""
        if offset >= self._known.start:
            return [line for line in self._known.lines if line[0] > offset]
        if self.events_file is None:
            return []
        return await asyncio.to_thread(read_lines, self.events_file, offset)

    async def _keep_looking(self) -> None:
        while True:
            try:
                await self._look()
            except OSError as error:
                # a network disk that is away for a moment: the followers wait
                _log.warning("%s cannot be read: %s", self._folder.path, error)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _look(self) -> None:
        state, file, known = await asyncio.to_thread(self._read)
        changed = state != self.state or known.end != self._known.end
        # the lines first: the state's end must not be told before the last events
        self._known = known
        self.state, self.events_file = state, file
        if changed:
            self.changed.set()
            self.changed = asyncio.Event()

    def _read(self) -> tuple[OrderState, Path | None, "_Known"]:
        # the state is read before the events: whoever sees its end has all of them
        state = self._folder.read_state()
        file = self.events_file
        if file is None and (run := self._folder.run()) is not None:
            file = run.events_file
        known = self._known
        while file is not None and (lines := read_lines(file, known.end)):
            known = known.with_lines(lines)
        return state, file, known


class Feeds:
    """The feeds that somebody follows."""

    def __init__(self, metrics: Metrics) -> None:
        self._feeds: dict[str, Feed] = {}
        self._metrics = metrics

    @contextlib.asynccontextmanager
    async def following(self, folder: OrderFolder) -> AsyncIterator[Feed]:
        feed = self._feeds.get(folder.id)
        if feed is None:
            feed = self._feeds[folder.id] = Feed(folder)
        feed.followers += 1
        self._metrics.note_follower(1)
        try:
            yield feed
        finally:
            feed.followers -= 1
            self._metrics.note_follower(-1)
            if feed.followers == 0 and self._feeds.get(folder.id) is feed:
                del self._feeds[folder.id]
                await feed.end()

    async def events(
        self, folder: OrderFolder, offset: int, shown: Callable[[OrderState], str]
    ) -> AsyncIterator[ServerSentEvent]:
        """The order's state and its run's events; ends when the order is over and everything was told."""
        async with self.following(folder) as feed:
            told: OrderState | None = None
            while True:
                state = feed.state
                lines = await feed.after(offset)
                for offset, line in lines:
                    yield ServerSentEvent(line.decode("utf-8", "replace"), event=_kind(line), id=str(offset))
                if lines:
                    continue
                if state is not None and state != told:
                    told = state
                    yield ServerSentEvent(shown(state), event="order")
                if state is not None and state.stage.is_over:
                    return
                if feed.state is state and not await feed.after(offset):
                    await feed.changed.wait()


def _kind(line: bytes) -> str:
    try:
        return str(json.loads(line)["kind"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "unreadable"
