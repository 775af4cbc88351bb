"""The JSON Schema of an action's parameters, for the manifest and for the form of the web page."""

from collections.abc import Mapping
from typing import Any  # a JSON Schema has no narrower type

from loghi_runner.engines.setting import owners_of
from loghi_runner.orders.actions import PARAMETERS, Action

DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: The order in which a person reads the keys of a schema; what is not here follows.
_KEY_ORDER = ("$schema", "title", "description", "type", "enum", "unit", "default")


def parameters_schema(action: Action, engine: str | None = None) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of an action's parameters; what fits it, the service takes.

    Every field has title and description; `unit`, where there is one, is an annotation. A field that may be one value
    or a list of them is a list here.

    Args:
        engine: the only engine whose own keys can be set; None for a schema of all engines.
    """
    schema = PARAMETERS[action].model_json_schema()
    flat: dict[str, Any] = inlined(schema, schema.pop("$defs", {}))
    if engine is not None and "engine" in flat["properties"]:
        keys = flat["properties"]["engine"]["properties"]
        keys = {name: key for name, key in keys.items() if engine in owners_of(name)}
        flat["properties"]["engine"]["properties"] = keys
        if not keys:
            del flat["properties"]["engine"]
    return {"$schema": DIALECT} | flat


def inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema with every `$ref` replaced by what it names; what stands beside a reference wins."""
    if isinstance(schema, list):
        return [inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    values = dict(schema)
    if "$ref" in values:
        values = definitions[values.pop("$ref").rpartition("/")[2]] | values
    fields = values.pop("properties", None)
    values = _one_way({key: inlined(value, definitions) for key, value in values.items()})
    if fields is not None:
        values.pop("default", None)  # its fields have theirs
        values["properties"] = {name: inlined(field, definitions) for name, field in fields.items()}
    return {key: values[key] for key in sorted(values, key=_rank)}


def _one_way(schema: dict[str, Any]) -> dict[str, Any]:
    alternatives: list[dict[str, Any]] = schema.get("anyOf", [])
    lists = [alternative for alternative in alternatives if alternative.get("type") == "array"]
    if len(lists) != 1 or [lists[0]["items"]] != [item for item in alternatives if item is not lists[0]]:
        return schema
    return {key: value for key, value in schema.items() if key != "anyOf"} | lists[0]


def _rank(key: str) -> int:
    return _KEY_ORDER.index(key) if key in _KEY_ORDER else len(_KEY_ORDER)
