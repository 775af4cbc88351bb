"""What is wrong with a value of a config, in plain words."""

import difflib
import re
from collections.abc import Mapping
from typing import Any  # pydantic's errors have no narrower type

from pydantic import BaseModel

from loghi_runner.config_schema import (
    DataConfig,
    EngineConfig,
    RunConfig,
    SplitConfig,
    TextConfig,
    TrainingConfig,
    VgslModel,
)
from loghi_runner.config_yaml import KeyPath

_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"),
    "less_than": ("lt", "less than"),
}


def words_for(item: Mapping[str, Any], loc: KeyPath) -> tuple[str, str | None]:
    """Message and hint for one of pydantic's errors."""
    kind, given, context = str(item["type"]), item["input"], item.get("ctx", {})
    shown = "nothing" if given is None else repr(given)
    if kind == "missing" or (kind == "path" and given is None):
        field = schema_of(loc[:-1]).model_fields.get(str(loc[-1]))
        return "is missing" if kind == "missing" else "is not filled in", field.description if field else None
    if kind == "extra_forbidden":
        return "is not a key of a config", _did_you_mean_key(loc)
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"must be {words} {context[name]:g}, not {shown}", None
    if kind in ("enum", "literal_error"):
        options = re.findall(r"'([^']*)'", str(context["expected"]))
        close = difflib.get_close_matches(str(given).lower(), options, 1)
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
        keys = ", ".join(schema_of(loc).model_fields)
        return f"must be a section, not {shown}", f"Indented below it, or in braces, stand its keys: {keys}."
    if kind in ("path", "batch_size", "gpus"):
        return f"{item['msg']}, not {shown}", None
    if kind == "too_short":
        return "names nothing", "Give at least one."
    return str(item["msg"]), None


def schema_of(path: KeyPath) -> type[BaseModel]:
    """The section of the schema at a path of keys; the whole config where there is none."""
    sections: dict[KeyPath, type[BaseModel]] = {
        ("base_model",): VgslModel,
        ("data",): DataConfig,
        ("data", "split"): SplitConfig,
        ("training",): TrainingConfig,
        ("text",): TextConfig,
        ("engine",): EngineConfig,
    }
    return sections.get(path, RunConfig)


def _did_you_mean_key(loc: KeyPath) -> str:
    key = str(loc[-1])
    siblings = list(schema_of(loc[:-1]).model_fields)
    close = difflib.get_close_matches(key.lower(), siblings, 1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]}?"
    for section in ("data", "training", "text", "engine"):
        if key in schema_of((section,)).model_fields:
            return f"It belongs into the section {section}."
    if key in RunConfig.model_fields:
        return "It belongs to the left margin, not into a section."
    return f"Known here: {', '.join(siblings)}."
