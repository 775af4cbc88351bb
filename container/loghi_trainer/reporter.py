"""The run's record: every event goes to out/events.jsonl and, the same bytes, to stdout."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from loghi_contract.events import Event, Payload, Step, encode_event
from loghi_contract.storage import sync_file
from loghi_trainer.errors import StorageError

_STEP_INTERVAL_S = 1.0


class Reporter:
    """Numbers, stamps and writes events; steps are thinned to one a second."""

    def __init__(
        self, events_file: Path, mirror: BinaryIO | None, run_id: str, clock: Callable[[], float] = time.time
    ) -> None:
        events_file.parent.mkdir(parents=True, exist_ok=True)
        self._file = events_file.open("ab", buffering=0)
        self._mirror = mirror
        self._run_id = run_id
        self._clock = clock
        self._seq = 0
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


def _unwritable(reason: str) -> StorageError:
    return StorageError(
        "storage.cannot_record",
        f"the run's record cannot be written: {reason}",
        where="events.jsonl",
        hint="Free space on the output's disk; the model saved last is kept.",
    )
