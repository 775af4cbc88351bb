"""Frozen dataclasses to and from plain JSON values, strictly: an unknown or missing key is an error."""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache, partial
from typing import Any  # JSON values have no narrower type

T = typing.TypeVar("T")
#: Takes a value, its place for errors, and whether unknown keys are left out; raises RecordError.
_Reader = Callable[[Any, str, bool], Any]
_PLAIN = {str, int, float, bool, type(None)}

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
    if type(value) in _PLAIN:
        return value
    if (names := _names(typing.cast(Any, type(value)))) is not None:
        return {name: to_json(getattr(value, name)) for name in names}
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
    fields = _fields(typing.cast(Any, record))
    if not allow_unknown and (unknown := sorted(set(value) - {name for name, _read, _is_needed in fields})):
        raise RecordError(f"{_join(where, unknown[0])}: unknown key")
    arguments = {}
    for name, read, is_needed in fields:
        if name in value:
            arguments[name] = read(value[name], _join(where, name), allow_unknown)
        elif is_needed:
            raise RecordError(f"{_join(where, name)}: missing")
    return record(**arguments)


@cache
def _names(kind: type[Any]) -> tuple[str, ...] | None:
    """The fields of a record; None of anything else."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None


@cache  # looked up anew for each of a million events, or of thousands of runs, it would take longer than all the rest
def _fields(record: type[Any]) -> tuple[tuple[str, _Reader, bool], ...]:
    """Name, reader of each field, and whether it must be there."""
    hints = typing.get_type_hints(record)
    return tuple(
        (field.name, _reader(hints[field.name]), field.default is field.default_factory is dataclasses.MISSING)
        for field in dataclasses.fields(record)
    )


@cache
def _reader(hint: Any) -> _Reader:
    """What reads a value of this type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        inner = _reader(next(option for option in arguments if option is not type(None)))
        return inner if type(None) not in arguments else partial(_optional, inner)
    if origin is tuple:
        return partial(_tuple, _reader(arguments[0]))
    if origin is dict:
        return partial(_dict, _reader(arguments[1]))
    if dataclasses.is_dataclass(hint):
        return partial(_record, typing.cast(type[Any], hint))
    if issubclass(hint, Enum):
        return partial(_member, hint)
    return partial(_plain, hint)


def _optional(inner: _Reader, value: Any, where: str, allow_unknown: bool) -> Any:
    return None if value is None else inner(value, where, allow_unknown)


def _tuple(inner: _Reader, value: Any, where: str, allow_unknown: bool) -> Any:
    if not isinstance(value, list):
        raise RecordError(f"{where}: expected a list")
    return tuple(inner(item, f"{where}[{i}]", allow_unknown) for i, item in enumerate(value))


def _dict(inner: _Reader, value: Any, where: str, allow_unknown: bool) -> Any:
    if not isinstance(value, Mapping):
        raise RecordError(f"{where}: expected an object")
    return {key: inner(item, _join(where, key), allow_unknown) for key, item in value.items()}


def _record(record: type[Any], value: Any, where: str, allow_unknown: bool) -> Any:
    return from_json(record, value, where, allow_unknown=allow_unknown)


def _member(kind: type[Enum], value: Any, where: str, _allow_unknown: bool) -> Any:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(member.value) for member in kind)
        raise RecordError(f"{where}: {_shown(value)} is not one of {known}") from None


def _plain(kind: type[Any], value: Any, where: str, _allow_unknown: bool) -> Any:
    if type(value) is str is kind:
        return value
    if isinstance(value, int) and not -_LARGEST < value < _LARGEST:
        raise RecordError(f"{where}: the number is too large")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise RecordError(f"{where}: expected {kind.__name__}, got {_shown(value)}")
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
