"""What a key of a config can hold besides a choice by name: values that are checked as they are read."""

from pathlib import Path
from typing import Annotated, Any, TypeAlias  # raw YAML values have no narrower type

from pydantic import BeforeValidator, Field, Strict, ValidationInfo
from pydantic_core import PydanticCustomError

from loghi_runner.config.choices import WriteBack
from loghi_runner.files import real_path

#: Letters, digits . _ - : Loghi's scripts and container names break on anything else.
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
MAX_NAME = 100


def absolute_path(value: Any, info: ValidationInfo) -> Path:
    """A path from the config: relative to the config's folder, `~` is the home folder."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise PydanticCustomError("path", "must be a path")
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


def whole_number_or_auto(value: Any) -> Any:
    """Lines in a batch."""
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1024):
        return value
    raise PydanticCustomError("batch_size", "must be a whole number from 1 to 1024, or auto")


def which_pages(value: Any) -> Any:
    """Which pages: a choice, or their numbers."""
    if value in [choice.value for choice in WriteBack]:
        return WriteBack(value)
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
Number: TypeAlias = Annotated[float, Strict()]
