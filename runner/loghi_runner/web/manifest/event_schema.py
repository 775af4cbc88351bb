"""JSON Schema of the lines of events.jsonl, made from the contract's dataclasses."""

from typing import Any  # a JSON Schema has no narrower type

from pydantic import TypeAdapter

from loghi_contract.events import EVENT_VERSION, KINDS, TERMINAL_KINDS
from loghi_runner.orders.action_schema import DIALECT, inlined

_ENVELOPE: dict[str, Any] = {
    "v": {"const": EVENT_VERSION, "description": "version of this format"},
    "seq": {"type": "integer", "minimum": 0, "description": "number of the event, from 0"},
    "t": {"type": "number", "description": "time, in seconds since 1970 (UTC)"},
    "run": {"type": "string", "description": "the run's id"},
}


def event_schema() -> dict[str, Any]:
    """Schema of one event; kinds and keys that are not named may come in later versions."""
    return {
        "$schema": DIALECT,
        "title": "Event",
        "description": f"One line of events.jsonl; a run ends with exactly one of {', '.join(TERMINAL_KINDS)}.",
        "type": "object",
        "properties": _ENVELOPE | {"kind": {"type": "string", "examples": list(KINDS)}},
        "required": [*_ENVELOPE, "kind"],
        "allOf": [
            {"if": {"properties": {"kind": {"const": kind}}}, "then": _payload(payload)}
            for kind, payload in KINDS.items()
        ],
    }


def _payload(payload: type) -> dict[str, Any]:
    schema = TypeAdapter(payload).json_schema(mode="serialization")
    flat = inlined(schema, schema.pop("$defs", {}))
    # a field with a default may be missing in a line of an older trainer
    fields = {name: _untitled(field) for name, field in flat["properties"].items()}
    return {"properties": fields, "required": flat["required"]}


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the titles that are made of the names; nobody draws a form of an event."""
    values = {key: value for key, value in schema.items() if key != "title"}
    if "properties" in values:
        values["properties"] = {name: _untitled(field) for name, field in values["properties"].items()}
    return values
