"""out/events.jsonl as it grows: whole lines only, everything up to the end of the process, a part at a time."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from loghi_contract.events import MAX_LINE_BYTES, Event, decode_event
from loghi_contract.files import open_plain
from loghi_contract.records import RecordError

_BLOCK_BYTES = 1 << 20
#: What `encode_event` writes into each step, and, since quotes in texts are escaped, into nothing else.
_STEP = b'"kind":"step"'

_log = logging.getLogger(__name__)


class EventReader:
    """Reads the events that were added since the last look, in a memory that does not grow with the file.

    The file may not exist yet, may end in half a line, and may hold kinds that this version does not know.
    """

    def __init__(self, events_file: Path, *, steps: bool = True) -> None:
        """Without `steps` the steps between the first and the last of those that follow each other are passed over."""
        self._path = events_file
        self._steps = steps
        self._offset = 0
        self._half_line = b""
        self._passed: bytes | None = None
        self._in_steps = False
        self.unreadable = 0

    def read(self) -> list[tuple[bytes, Event]]:
        """New events with their own lines, newline left out: some of them if there are many, none if there are none."""
        try:
            with open_plain(self._path) as file:
                file.seek(self._offset)
                while fresh := file.read(_BLOCK_BYTES):
                    self._offset += len(fresh)
                    if found := self._found(fresh):
                        return found
        except FileNotFoundError:
            return []
        except OSError as error:
            # a network disk that is away for a moment, or a run of somebody else: no reason to lose sight of it
            _log.warning("%s cannot be read: %s", self._path, error)
        return self._decoded(self._last_step())

    def __iter__(self) -> Iterator[tuple[bytes, Event]]:
        """All that is there now."""
        while found := self.read():
            yield from found

    def _found(self, fresh: bytes) -> list[tuple[bytes, Event]]:
        *lines, self._half_line = (self._half_line + fresh).split(b"\n")
        if len(self._half_line) > MAX_LINE_BYTES:
            self._half_line = b""
            self.unreadable += 1
        return self._decoded(lines if self._steps else self._without_steps(lines))

    def _without_steps(self, lines: list[bytes]) -> Iterator[bytes]:
        for line in lines:
            if _STEP not in line:
                self._in_steps = False
                yield from self._last_step()
                yield line
            elif self._in_steps:
                self._passed = line
            else:
                self._in_steps = True
                yield line

    def _last_step(self) -> list[bytes]:
        """The step that was passed over last, once what comes after it is known, or that nothing does."""
        last, self._passed = self._passed, None
        return [last] if last is not None else []

    def _decoded(self, lines: Iterable[bytes]) -> list[tuple[bytes, Event]]:
        return [(line, event) for line in lines if line and (event := self._decode(line)) is not None]

    def _decode(self, line: bytes) -> Event | None:
        try:
            return decode_event(line)
        except RecordError as error:
            # a torn line (disk full, power cut) is no reason to lose sight of the run
            _log.warning("line of %s left out: %s", self._path, error)
            self.unreadable += 1
            return None


def follow(
    reader: EventReader, has_ended: Callable[[], bool], pause: Callable[[], None]
) -> Iterator[tuple[bytes, Event]]:
    """Yield events until the terminal one, or until the process has ended and everything it wrote was read.

    Args:
        has_ended: whether the trainer's process is gone; asked only when nothing new was there.
        pause: waits a little; called between two looks, may raise to end the following.
    """
    while True:
        fresh = reader.read()
        # asked before the last read, or what is written between the two is lost
        ended = not fresh and has_ended()
        for line, event in fresh or (reader if ended else ()):
            yield line, event
            if event.is_terminal:
                return
        if ended:
            return
        if not fresh:
            pause()


def read_events(events_file: Path) -> Iterator[Event]:
    """Every whole event of a run so far, but of steps in a row the first and the last; none when there is no file.

    A long run has a million steps. What is known of a run (`Progress`) is the same without those in between.
    """
    return (event for _line, event in EventReader(events_file, steps=False))
