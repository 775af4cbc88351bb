"""Events as lines of out/events.jsonl, one JSON object a line: written, and read again."""

import json
import math
from dataclasses import dataclass
from typing import Any  # JSON values have no narrower type

from loghi_contract.events import KINDS, Event
from loghi_contract.records import RecordError, from_json, parse_json, to_json

#: The version of the event format, key `v`.
EVENT_VERSION = 1

#: No line of the file is longer, so that every reader may use a fixed buffer.
MAX_LINE_BYTES = 8192

#: The year 9999, the last that a calendar knows.
_LAST_T = 253_370_764_800.0

_MAX_TEXT_BYTES = 1500
_MAX_ITEMS = 400


@dataclass(frozen=True)
class _Envelope:
    seq: int
    t: float
    run: str


def encode_event(event: Event) -> bytes:
    """One line with its newline. NaN and infinities become null; long texts are cut so that it fits.

    Raises:
        ValueError: the line is longer than `MAX_LINE_BYTES` all the same.
    """
    value = {"v": EVENT_VERSION, "seq": event.seq, "t": round(event.t, 3), "run": event.run, "kind": event.payload.kind}
    value |= _finite(to_json(event.payload))
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"event {event.payload.kind} has {len(line)} bytes")
    return line


def decode_event(line: bytes) -> Event | None:
    """Read one line; None for a kind this version does not know.

    Raises:
        RecordError: the line is not an event.
    """
    value = parse_json(line)
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise RecordError("not an event: no kind")
    payload_type = KINDS.get(value["kind"])
    if payload_type is None:
        return None
    payload = from_json(payload_type, value, value["kind"], allow_unknown=True)
    envelope = from_json(_Envelope, value, allow_unknown=True)
    if not 0 <= envelope.t < _LAST_T:
        raise RecordError(f"t: {envelope.t} is no time")
    return Event(envelope.seq, envelope.t, envelope.run, payload)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        # a surrogate (an undecodable file name) cannot be written as UTF-8; a character cut in two is left out
        return value.encode("utf-8", "backslashreplace")[:_MAX_TEXT_BYTES].decode("utf-8", "ignore")
    if isinstance(value, list):
        return [_finite(item) for item in value[:_MAX_ITEMS]]
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return value
