"""The run's record: every event goes to out/events.jsonl and, the same bytes, to stdout."""

import contextlib
import errno
import os
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from loghi_contract.events import MAX_LINE_BYTES, Event, Payload, Step, encode_event
from loghi_contract.records import RecordError, parse_json
from loghi_contract.storage import sync_file
from loghi_trainer.errors import StorageError

_STEP_INTERVAL_S = 1.0


class Reporter:
    """Numbers, stamps and writes events; steps are thinned to one a second."""

    def __init__(
        self, events_file: Path, mirror: BinaryIO | None, run_id: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._file = events_file.open("a+b", buffering=0)
        self._mirror = mirror
        self._run_id = run_id
        self._clock = clock
        self._seq = _next_number(self._file)
        self._last_step_t = float("-inf")

    def emit(self, payload: Payload) -> None:
        """Write one event. Raises StorageError when the record cannot be written."""
        t = self._clock()
        if isinstance(payload, Step):
            if t - self._last_step_t < _STEP_INTERVAL_S:
                return
            self._last_step_t = t
        event = Event(self._seq, t, self._run_id, payload)
        self._seq += 1
        line = encode_event(event)
        self._mirror_line(line)
        try:
            # a disk that is nearly full takes a part of the line without an error
            whole = self._file.write(line) == len(line)
            if event.is_terminal:
                sync_file(self._file.fileno())
        except OSError as error:
            raise _unwritable(error.strerror or str(error)) from error
        if not whole:
            raise _unwritable(os.strerror(errno.ENOSPC))

    def settle(self) -> None:
        """Let what was told outlast a power cut. Raises OSError: the disk has a fault."""
        sync_file(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    def _mirror_line(self, line: bytes) -> None:
        # whoever reads stdout may go away (a closed terminal); the file is the record
        if self._mirror is None:
            return
        try:
            self._mirror.write(line)
        except OSError:
            self._mirror = None


def _next_number(file: FileIO) -> int:
    """The number of the next event: 0 in a new file. A line that was cut off before is ended, and stays unreadable."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 2 * MAX_LINE_BYTES, 0))
    *lines, torn = file.read().split(b"\n")
    if torn:
        # not taken away: whoever follows has read it, and goes on at its end
        file.write(b"#\n")
    for line in reversed(lines):
        with contextlib.suppress(RecordError, TypeError, KeyError, ValueError):
            return int(parse_json(line)["seq"]) + 1
    return 0


def _unwritable(reason: str) -> StorageError:
    return StorageError(
        "storage.cannot_record",
        f"the run's record cannot be written: {reason}",
        where="events.jsonl",
        hint="Free space on the output's disk; the model saved last is kept.",
    )
