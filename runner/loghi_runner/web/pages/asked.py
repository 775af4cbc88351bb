"""What somebody filled in as an action's parameters, or every sentence about what is wrong with it."""

from collections.abc import Iterator, Mapping
from typing import Any  # raw parameters have no narrower type

from pydantic import ValidationError

from loghi_runner.config.file import words_for
from loghi_runner.orders.action_schema import parameters_schema
from loghi_runner.orders.actions import PARAMETERS, Action, Parameters
from loghi_runner.web.pages.form import Filled, read_form


def read_asked(action: Action, filled: Filled) -> dict[str, Any]:
    """The parameters of the form that `start.html` draws, unchecked."""
    values = read_form(parameters_schema(action), filled)
    if filled.get("source.platform"):
        keys = ("platform", "document") if action is Action.RECOGNIZE else ("platform", "document", "layer")
        values["source"] = {key: str(filled.get(f"source.{key}") or "") for key in keys}
        values["source"]["pages"] = [str(page) for page in filled.getlist("source.pages")]
    else:
        values["source"] = {"pages": str(filled.get("pages") or "")}
    has_nothing_to_write = action is not Action.RECOGNIZE and not values.get("recognize_pages")
    if has_nothing_to_write or "platform" not in values["source"]:
        # the box stands below the pages of a document, and says what happens to them
        values["write_back"] = False
    return values


def brings_nothing_back(values: Mapping[str, Any]) -> bool:
    """Whether a training on a platform's pages ends with nothing that anybody sees there."""
    return "platform" in values["source"] and not values.get("recognize_pages")


def check_asked(action: Action, values: Mapping[str, Any]) -> tuple[Parameters | None, dict[str, str]]:
    """The parameters, or sentences by the key of the field they belong to; an empty key is the whole form."""
    schema = PARAMETERS[action]
    try:
        return schema.model_validate(values), {}
    except ValidationError as error:
        errors = {}
        for item in error.errors():
            # alternatives and places in a list are no fields
            loc = tuple(part for part in item["loc"] if isinstance(part, str) and not part.startswith("<"))
            message, hint = words_for(dict(item), loc, schema)
            # what the field is about stands beside it already
            is_told = item["type"] in ("missing", "string_pattern_mismatch")
            errors[".".join(loc)] = f"{message}. {hint}" if hint and not is_told else message
        return None, errors


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Parameters as rows of key and value, for people."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield f"{prefix}{key}", ", ".join(map(str, value)) or "–"
        else:
            yield (
                f"{prefix}{key}",
                {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value),
            )
