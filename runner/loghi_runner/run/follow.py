"""out/events.jsonl as it grows: whole lines only, everything up to the end of the process."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from loghi_contract.events import MAX_LINE_BYTES, Event, decode_event
from loghi_contract.files import open_plain
from loghi_contract.records import RecordError

_log = logging.getLogger(__name__)


class EventReader:
    """Reads the events that were added since the last look.

    The file may not exist yet, may end in half a line, and may hold kinds that this version does not know.
    """

    def __init__(self, events_file: Path) -> None:
        self._path = events_file
        self._offset = 0
        self._half_line = b""
        self.unreadable = 0

    def read(self) -> list[tuple[bytes, Event]]:
        """Each new event with its own line, newline left out."""
        try:
            with open_plain(self._path) as file:
                file.seek(self._offset)
                fresh = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            # a network disk that is away for a moment, or a run of somebody else: no reason to lose sight of it
            _log.warning("%s cannot be read: %s", self._path, error)
            return []
        self._offset += len(fresh)
        *lines, self._half_line = (self._half_line + fresh).split(b"\n")
        if len(self._half_line) > MAX_LINE_BYTES:
            self._half_line = b""
            self.unreadable += 1
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
        for line, event in fresh or (reader.read() if ended else []):
            yield line, event
            if event.is_terminal:
                return
        if ended:
            return
        if not fresh:
            pause()


def read_events(events_file: Path) -> list[Event]:
    """Every whole event of a run so far; none when the file is not there."""
    return [event for _line, event in EventReader(events_file).read()]
