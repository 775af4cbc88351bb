"""What is wrong with a value of a config, in plain words."""

import difflib
import re
from collections.abc import Mapping
from typing import Any, get_args  # pydantic's errors have no narrower type

from pydantic import BaseModel

from loghi_runner.config.schema import RunConfig
from loghi_runner.config.yaml_values import KeyPath

_MAX_SHOWN = 200
_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"),
    "less_than": ("lt", "less than"),
}


def words_for(item: Mapping[str, Any], loc: KeyPath, schema: type[BaseModel] = RunConfig) -> tuple[str, str | None]:
    """Message and hint for one of pydantic's errors."""
    kind, given, context = str(item["type"]), item["input"], item.get("ctx", {})
    shown = "nothing" if given is None else shortened(repr(given))
    if kind == "missing" or (kind == "path" and given is None):
        field = schema_of(loc[:-1], schema).model_fields.get(str(loc[-1]))
        return "is missing" if kind == "missing" else "is not filled in", field.description if field else None
    if kind == "string_pattern_mismatch":
        field = schema_of(loc[:-1], schema).model_fields.get(str(loc[-1]))
        return "is not of the form it must have", field.description if field else None
    if kind == "extra_forbidden" and loc == ("platform", "token"):
        # the config is kept beside the model, and passed on with it
        return "must not stand in a config", "Save it in a file of its own and name that as platform.token_file."
    if kind == "extra_forbidden":
        return f"is not a key of {schema.model_config.get('title', 'a config')}", _did_you_mean_key(loc, schema)
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"must be {words} {context[name]:g}, not {shown}", None
    if kind in ("enum", "literal_error"):
        options = re.findall(r"'([^']*)'", str(context["expected"]))
        close = difflib.get_close_matches(str(given)[:_MAX_SHOWN].lower(), options, 1)
        hint = f"Did you mean {close[0]}?" if close else None
        return f"must be one of {', '.join(options)}, not {shown}", hint
    if kind.startswith("int_"):
        return f"must be a whole number, not {shown}", None
    if kind in ("float_type", "float_parsing", "finite_number"):
        comma = isinstance(given, str) and "," in given
        return f"must be a number, not {shown}", "Write it with a decimal point." if comma else None
    if kind in ("string_type", "string_too_short"):
        hint = f'Put it in quotes: "{given}"' if isinstance(given, (int, float)) else None
        return f"must be text, not {shown}", hint
    if kind == "model_type":
        keys = ", ".join(schema_of(loc, schema).model_fields)
        return f"must be a section, not {shown}", f"Indented below it, or in braces, stand its keys: {keys}."
    if kind in ("path", "batch_size", "gpus", "memory", "write_back"):
        return f"{item['msg']}, not {shown}", None
    if kind == "too_short":
        return "names nothing", "Give at least one."
    return str(item["msg"]), None


def shortened(text: str) -> str:
    """A value or a key as it fits into a sentence; a config can hold anything."""
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def schema_of(path: KeyPath, schema: type[BaseModel] = RunConfig) -> type[BaseModel]:
    """The section of a schema at a path of keys; the whole schema where there is none."""
    section = schema
    for part in path:
        field = section.model_fields.get(str(part))
        # the place of an item in a list or a mapping of sections is no field: it is the same section
        found = section if field is None else _section_in(field.annotation)
        if found is None:
            return schema
        section = found
    return section


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_section_in(argument) for argument in get_args(annotation))
    return next((section for section in inner if section is not None), None)


def _did_you_mean_key(loc: KeyPath, schema: type[BaseModel]) -> str:
    key = str(loc[-1])[:_MAX_SHOWN]
    siblings = list(schema_of(loc[:-1], schema).model_fields)
    close = difflib.get_close_matches(key.lower(), siblings, 1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]}?"
    for name, field in schema.model_fields.items():
        section = _section_in(field.annotation)
        if section is not None and key in section.model_fields:
            return f"It belongs into the section {name}."
    if key in schema.model_fields:
        return "It belongs to the left margin, not into a section."
    return f"Known here: {', '.join(siblings)}."
