"""The run's record: every event goes to out/events.jsonl and, the same bytes, to stdout."""

import contextlib
import errno
import os
import time
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from loghi_contract.event_lines import MAX_LINE_BYTES, decode_event, encode_event
from loghi_contract.events import Event, Payload, Step, Trial
from loghi_contract.records import RecordError, parse_json
from loghi_contract.storage import sync_file
from loghi_trainer.errors import StorageError

_STEP_INTERVAL_S = 1.0
_STEP = b'"kind":"step"'


class Reporter:
    """Numbers, stamps and writes events; steps are thinned to one a second."""

    def __init__(
        self,
        events_file: Path,
        mirror: BinaryIO | None,
        run_id: str,
        clock: Callable[[], float] = time.time,
        steady_clock: Callable[[], float] = time.monotonic,
        require_turn: Callable[[], None] = lambda: None,
    ) -> None:
        """`require_turn` is called before anything is written into the run's folder, here and by others."""
        self.require_turn = require_turn
        self._path = events_file
        self._file = events_file.open("a+b", buffering=0)
        self._mirror = mirror
        self._run_id = run_id
        self._clock = clock
        self._steady_clock = steady_clock
        self._seq, self._torn_end = _next_number(self._file)
        self._last_step_s = float("-inf")

    def emit(self, payload: Payload) -> None:
        """Write one event. Raises StorageError when the record cannot be written."""
        if isinstance(payload, Step) or (isinstance(payload, Trial) and payload.val_cer is None):
            # not by the wall clock: after one that was set back a run would be silent, and be taken for one that hangs
            now = self._steady_clock()
            if now - self._last_step_s < _STEP_INTERVAL_S:
                return
            self._last_step_s = now
        self.require_turn()
        event = Event(self._seq, self._clock(), self._run_id, payload)
        self._seq += 1
        line = encode_event(event)
        self._mirror_line(line)
        try:
            # a disk that is nearly full takes a part of the line without an error
            line, self._torn_end = self._torn_end + line, b""
            whole = self._file.write(line) == len(line)
            if event.is_terminal:
                sync_file(self._file.fileno())
        except OSError as error:
            raise _unwritable(error.strerror or str(error)) from error
        if not whole:
            raise _unwritable(os.strerror(errno.ENOSPC))

    def without_told(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Those that the file does not tell: a power cut can take away what was not on the disk yet."""
        told = set()
        with self._path.open("rb") as file:
            for line in file:
                with contextlib.suppress(RecordError):
                    if _STEP not in line and (event := decode_event(line)) is not None:
                        told.add(encode_event(Event(0, 0, "", event.payload)))
        return [payload for payload in payloads if encode_event(Event(0, 0, "", payload)) not in told]

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


def _next_number(file: FileIO) -> tuple[int, bytes]:
    """The number of the next event, 0 in a new file; and what ends a line that was cut off, and stays unreadable."""
    # never more than that: not every file has an end
    file.seek(max(file.seek(0, os.SEEK_END) - 2 * MAX_LINE_BYTES, 0))
    *lines, torn = (file.read(2 * MAX_LINE_BYTES) or b"").split(b"\n")
    # not taken away: whoever follows has read it, and goes on at its end
    end = b"#\n" if torn else b""
    for line in reversed(lines):
        with contextlib.suppress(RecordError, TypeError, KeyError, ValueError):
            return int(parse_json(line)["seq"]) + 1, end
    return 0, end


def _unwritable(reason: str) -> StorageError:
    return StorageError(
        "storage.cannot_record",
        f"the run's record cannot be written: {reason}",
        where="events.jsonl",
        hint="Free space on the output's disk; the model saved last is kept.",
    )
