"""What the values of a config's keys can be: paths of this machine, numbers in a range, one thing or several."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias  # raw YAML values have no narrower type

from pydantic import AllowInfNan, BeforeValidator, Field, Strict, ValidationInfo
from pydantic_core import PydanticCustomError

from loghi_runner.config import choices
from loghi_runner.files import real_path

_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
#: What word processors make of quotes.
_CURLY_QUOTES = "“”„‟‘’‚«»"


def absolute_path(value: Any, info: ValidationInfo) -> Path:
    """A path from the config: relative to the config's folder, `~` is the home folder."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise PydanticCustomError("path", "must be a path")
    if _OF_WINDOWS.match(value):
        wanted = "/mnt/" + value[0].lower() + value[2:].replace("\\", "/")
        raise PydanticCustomError(
            "path", "must be a path of this machine (of a Windows drive WSL makes {wanted})", {"wanted": wanted}
        )
    if value[0] in _CURLY_QUOTES and value[-1] in _CURLY_QUOTES:
        raise PydanticCustomError("path", "must stand without curly quotes, which would be part of the name")
    try:
        path = Path(value).expanduser()
    except RuntimeError as error:
        raise PydanticCustomError("path", "names the home folder of an unknown user") from error
    folder = (info.context or {}).get("folder", Path.cwd())
    path = Path(folder, path)
    return real_path(path) if ".." in path.parts else path


def one_or_many(value: Any) -> Any:
    """A list; one value alone is a list of it."""
    return value if isinstance(value, list) else [value]


def or_word(least: int, most: int, *words: str) -> BeforeValidator:
    """Takes a whole number in this range, or one of these words."""

    def taken(value: Any) -> Any:
        if value in words or (type(value) is int and least <= value <= most):
            return value
        sentence = ", or ".join([f"must be a whole number from {least} to {most}", *words])
        raise PydanticCustomError("number_or_word", "{sentence}", {"sentence": sentence})

    number, word = Annotated[int, Field(ge=least, le=most)], Literal[words]
    return BeforeValidator(taken, json_schema_input_type=number | word)


def which_unread(value: Any, info: ValidationInfo) -> Any:
    """Which pages without a text are read in the end: a choice, or where they are."""
    if value in [choice.value for choice in choices.UnreadUse]:
        return choices.UnreadUse(value)
    values = one_or_many(value)
    if not values:
        raise PydanticCustomError("unread", "must be off, auto, or folders of pages")
    return tuple(absolute_path(each, info) for each in values)


def yes_no_or_auto(value: Any) -> Any:
    """Whether something is done, or is to be tried."""
    if isinstance(value, bool) or value == "auto":
        return value
    raise PydanticCustomError("yes_no_auto", "must be true, false or auto")


def which_pages(value: Any) -> Any:
    """Which pages: a choice, or their numbers."""
    if value in [choice.value for choice in choices.WriteBack]:
        return choices.WriteBack(value)
    if isinstance(value, list) and value and all(type(item) is int and item > 0 for item in value):
        return tuple(value)
    raise PydanticCustomError("write_back", "must be none, pulled, all, or a list of page numbers such as [12, 13]")


ConfigPath: TypeAlias = Annotated[Path, BeforeValidator(absolute_path, json_schema_input_type=str)]
ConfigPaths: TypeAlias = Annotated[
    tuple[ConfigPath, ...],
    BeforeValidator(one_or_many, json_schema_input_type=str | list[str]),
    Field(min_length=1),
]
WholeNumber: TypeAlias = Annotated[int, Strict()]
Number: TypeAlias = Annotated[float, Strict(), AllowInfNan(False)]
Seed: TypeAlias = Annotated[WholeNumber, Field(ge=0, le=2**31 - 1)]
