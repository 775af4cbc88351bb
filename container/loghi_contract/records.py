"""Frozen dataclasses to and from plain JSON values, strictly: an unknown or missing key is an error."""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any  # JSON values have no narrower type

T = typing.TypeVar("T")

#: No whole number in our files comes near; a larger one cannot be reckoned with as a float.
_LARGEST = 2**63
_SHOWN_CHARACTERS = 80


class RecordError(ValueError):
    """A JSON value that does not have the record's shape; the message names the key."""


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text that may be damaged in any way. Raises RecordError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not JSON: {error}") from error


def to_json(value: object) -> Any:
    """Plain JSON values of a record; enums become their value, tuples become lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(to_json(key)): to_json(item) for key, item in value.items()}
    return value


def from_json(record: type[T], value: object, where: str = "", *, allow_unknown: bool = False) -> T:
    """Build `record` from JSON values.

    Args:
        where: the place named in errors, such as `training`.
        allow_unknown: leave out keys the record does not know (a peer may be newer).

    Raises:
        RecordError: a key is unknown, missing, or holds another kind of value.
    """
    if not isinstance(value, Mapping):
        raise RecordError(f"{where or record.__name__}: expected an object, got {type(value).__name__}")
    hints = _hints(typing.cast(Any, record))
    fields = {field.name: field for field in dataclasses.fields(record)}  # type: ignore[arg-type]  # T is a dataclass
    unknown = sorted(set(value) - set(fields))
    if unknown and not allow_unknown:
        raise RecordError(f"{_join(where, unknown[0])}: unknown key")
    arguments = {}
    for name, field in fields.items():
        if name in value:
            arguments[name] = _convert(hints[name], value[name], _join(where, name), allow_unknown)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecordError(f"{_join(where, name)}: missing")
    return record(**arguments)


@cache  # for each of a million events it would take longer than all the rest
def _hints(record: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(record)


def _convert(hint: Any, value: Any, where: str, allow_unknown: bool) -> Any:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        options = typing.get_args(hint)
        if value is None and type(None) in options:
            return None
        return _convert(next(option for option in options if option is not type(None)), value, where, allow_unknown)
    if origin is tuple:
        if not isinstance(value, list):
            raise RecordError(f"{where}: expected a list")
        inner = typing.get_args(hint)[0]
        return tuple(_convert(inner, item, f"{where}[{i}]", allow_unknown) for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise RecordError(f"{where}: expected an object")
        inner = typing.get_args(hint)[1]
        return {key: _convert(inner, item, _join(where, key), allow_unknown) for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return from_json(typing.cast(type[Any], hint), value, where, allow_unknown=allow_unknown)
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(value)
        except ValueError:
            known = ", ".join(str(member.value) for member in hint)
            raise RecordError(f"{where}: {_shown(value)} is not one of {known}") from None
    if isinstance(value, int) and not -_LARGEST < value < _LARGEST:
        raise RecordError(f"{where}: the number is too large")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise RecordError(f"{where}: expected {hint.__name__}, got {_shown(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise RecordError(f"{where}: {value} is no number")
    return value


def _shown(value: object) -> str:
    try:
        return repr(value)[:_SHOWN_CHARACTERS]
    except (RecursionError, ValueError):
        return type(value).__name__  # nested too deeply, or a number of thousands of digits


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
