"""A form drawn from the JSON Schema of an action, and what a person wrote into it as the action's parameters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any  # a JSON Schema and raw parameters have no narrower type

from pydantic import ValidationError
from starlette.datastructures import FormData

from loghi_runner.config.file import words_for
from loghi_runner.orders.action_schema import parameters_schema
from loghi_runner.orders.actions import PARAMETERS, Action, Parameters


class FieldKind(str, Enum):
    TEXT = "text"
    WHOLE_NUMBER = "whole_number"
    NUMBER = "number"
    NUMBER_OR_WORD = "number_or_word"
    YES_NO = "yes_no"
    CHOICE = "choice"
    CHOICES = "choices"
    TEXTS = "texts"


@dataclass(frozen=True)
class FormField:
    """One field; `key` is its path, such as `training.epochs`. `value` is what is written in it now.

    `words` are what may stand instead of a number, such as `auto`.
    """

    key: str
    kind: FieldKind
    title: str
    description: str
    value: Any
    unit: str | None = None
    choices: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    max_length: int | None = None
    is_required: bool = False
    error: str | None = None


@dataclass(frozen=True)
class FormSection:
    """Fields under one heading; `key` is empty for the whole form."""

    key: str
    title: str
    description: str
    fields: tuple[FormField, ...]
    sections: tuple["FormSection", ...]

    def field(self, key: str) -> FormField:
        return next(field for field in self.fields if field.key == key)

    def title_of(self, key: str) -> str:
        """The title of a field, here or in a section; the key itself where there is none."""
        titles = [field.title for field in self.fields if field.key == key]
        titles += [section.title_of(key) for section in self.sections]
        return next((title for title in titles if title != key), key)

    @property
    def has_error(self) -> bool:
        return any(field.error for field in self.fields) or any(section.has_error for section in self.sections)


def draw_form(
    schema: Mapping[str, Any], values: Mapping[str, Any], errors: Mapping[str, str], key: str = ""
) -> FormSection:
    """The form of an object's schema.

    Args:
        values: parameters, where some are known already; what is not there shows its default.
        errors: sentences by key.
    """
    fields, sections = [], []
    for name, described in schema["properties"].items():
        path = f"{key}.{name}" if key else name
        value = values.get(name)
        if "properties" in described:
            sections.append(draw_form(described, value if isinstance(value, Mapping) else {}, errors, path))
        elif "oneOf" not in described:
            required = name in schema.get("required", ())
            fields.append(_field(path, described, value, errors.get(path), is_required=required))
    return FormSection(key, schema["title"], schema["description"], tuple(fields), tuple(sections))


def read_form(schema: Mapping[str, Any], filled: FormData, key: str = "") -> dict[str, Any]:
    """Parameters as a person filled them in; what is no number where one is wanted stays text, and is found later.

    An empty field is left out, so that its default holds. Alternatives (`oneOf`) are not read: the page asks for them
    in its own way.
    """
    values: dict[str, Any] = {}
    for name, described in schema["properties"].items():
        path = f"{key}.{name}" if key else name
        if "properties" in described:
            values[name] = read_form(described, filled, path)
        elif "oneOf" not in described:
            value = _read(_kind(described), path, filled)
            if value is not None:
                values[name] = value
    return values


def _read(kind: FieldKind, key: str, filled: FormData) -> Any:
    if kind is FieldKind.YES_NO:
        return key in filled
    if kind in (FieldKind.CHOICES, FieldKind.TEXTS):
        return [str(value) for value in filled.getlist(key) if value]
    text = str(filled.get(key) or "").strip()
    if not text:
        return None
    if kind in (FieldKind.WHOLE_NUMBER, FieldKind.NUMBER_OR_WORD):
        return int(text) if text.removeprefix("-").isdecimal() and len(text) < 20 else text
    if kind is FieldKind.NUMBER:
        try:
            # half of Europe writes a comma
            return float(text.replace(",", "."))
        except ValueError:
            return text
    return text


def _field(key: str, described: Mapping[str, Any], value: Any, error: str | None, *, is_required: bool) -> FormField:
    kind = _kind(described)
    number = next((each for each in described.get("anyOf", ()) if each["type"] == "integer"), described)
    nothing = () if kind in (FieldKind.CHOICES, FieldKind.TEXTS) else None
    choices = described["items"].get("enum", ()) if kind is FieldKind.CHOICES else described.get("enum", ())
    if kind is FieldKind.CHOICE and not is_required and "default" not in described:
        choices = ("", *choices)  # nothing chosen means something of its own
    return FormField(
        key=key,
        kind=kind,
        title=described["title"],
        description=described["description"],
        value=described.get("default", nothing) if value is None else value,
        unit=described.get("unit"),
        choices=tuple(choices),
        words=tuple(
            word for each in described.get("anyOf", ()) for word in each.get("enum", [each.get("const")]) if word
        ),
        minimum=number.get("minimum"),
        maximum=number.get("maximum"),
        pattern=described.get("pattern"),
        max_length=described.get("maxLength"),
        is_required=is_required,
        error=error,
    )


def _kind(described: Mapping[str, Any]) -> FieldKind:
    if "anyOf" in described:
        return FieldKind.NUMBER_OR_WORD
    if "enum" in described:
        return FieldKind.CHOICE
    if described["type"] == "array":
        return FieldKind.CHOICES if "enum" in described["items"] else FieldKind.TEXTS
    return {
        "boolean": FieldKind.YES_NO,
        "integer": FieldKind.WHOLE_NUMBER,
        "number": FieldKind.NUMBER,
        "string": FieldKind.TEXT,
    }[described["type"]]


def read_request(action: Action, filled: FormData) -> dict[str, Any]:
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


def check_request(action: Action, values: Mapping[str, Any]) -> tuple[Parameters | None, dict[str, str]]:
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


def shown_parameters(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Parameters as rows of key and value, for people."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from shown_parameters(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield f"{prefix}{key}", ", ".join(map(str, value)) or "–"
        else:
            yield (
                f"{prefix}{key}",
                {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value),
            )
