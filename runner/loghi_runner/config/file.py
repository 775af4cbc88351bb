"""A YAML file checked against a schema: every problem at once, in plain words, with its line."""

import difflib
import errno
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args  # raw YAML values have no narrower type

from pydantic import BaseModel, ValidationError

from loghi_contract.files import read_plain
from loghi_contract.records import to_json
from loghi_runner.config.schema import RunConfig
from loghi_runner.config.yaml_values import KeyPath, Problem, YamlDocument, read_yaml
from loghi_runner.errors import UsageError

#: A config that lists ten thousand page numbers has a tenth of this.
_MOST_BYTES = 1_000_000

_MAX_SHOWN = 200
_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"),
    "less_than": ("lt", "less than"),
}

Schema = TypeVar("Schema", bound=BaseModel)


class ConfigError(UsageError):
    """The config cannot be used; `problems` holds all that is wrong with it."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_line))
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        message = "\n".join([f"{path.name} has {count}:", *(f"  {problem}" for problem in self.problems)])
        super().__init__("config.invalid", message, where=str(path))

    def details(self) -> dict[str, Any]:
        return {"problems": [to_json(problem) for problem in self.problems]}


def _line(problem: Problem) -> int:
    number = problem.where.rpartition(":")[2]
    return int(number) if number.isdigit() else 0


@dataclass
class ConfigFile:
    """A file as it was read. `sources` are keys that came from elsewhere, such as `--set`; its problems grow."""

    path: Path
    text: str
    document: YamlDocument
    sources: dict[KeyPath, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, hint: str) -> "ConfigFile":
        """Read a file that holds `key: value` lines.

        Args:
            hint: what to do where there is no such file.

        Raises:
            ConfigError: it cannot be read, or holds no keys.
        """
        path = path.absolute()
        text = _read_text(path, hint)
        document = read_yaml(text, path.name)
        if document.problems and not document.value:
            raise ConfigError(path, document.problems)
        return cls(path, text, document)

    @property
    def problems(self) -> list[Problem]:
        return self.document.problems

    @property
    def values(self) -> dict[str, Any]:
        return self.document.value

    def add(self, key: KeyPath, message: str, hint: str | None) -> None:
        self.problems.append(Problem(self.where(key), ".".join(map(str, key)), message, hint))

    def checked(self, schema: type[Schema], values: Mapping[str, Any]) -> Schema:
        """The values as the schema has them; paths are relative to the file's folder.

        Raises:
            ConfigError: with everything that is wrong, what was added before included.
        """
        try:
            config = schema.model_validate(values, context={"folder": self.path.parent})
        except ValidationError as error:
            self.problems.extend(self._problem(dict(item), values, schema) for item in error.errors())
        if self.problems:
            raise ConfigError(self.path, self.problems)
        return config

    def where(self, loc: KeyPath) -> str:
        """`config.yaml:7`, or what has made the key what it is."""
        # an override below this key has made it what it is
        below = next((source for key, source in self.sources.items() if key[: len(loc)] == loc), None)
        if loc and below is not None:
            return below
        for length in range(len(loc), 0, -1):
            if loc[:length] in self.sources:
                return self.sources[loc[:length]]
            if loc[:length] in self.document.lines:
                return self.document.at(self.document.lines[loc[:length]])
        return self.path.name

    def _problem(self, item: Mapping[str, Any], values: Mapping[str, Any], schema: type[BaseModel]) -> Problem:
        loc = _written_loc(item["loc"], values)
        message, hint = words_for(item, loc, schema)
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{shortened(part)}" for part in loc).lstrip(".")
        return Problem(self.where(loc), key, message, hint)


def _read_text(path: Path, hint: str | None) -> str:
    try:
        content = read_plain(path, _MOST_BYTES)
    except FileNotFoundError:
        message = f"does not exist: {path}"
    except IsADirectoryError:
        message, hint = f"is a folder: {path}", "Name the config file in it."
    except OSError as error:
        message, hint = f"cannot be read: {error.strerror}", "Check the file's permissions."
        if error.errno in (errno.EINVAL, errno.EFBIG):
            hint = "Name your config: a text file of `key: value` lines."
    else:
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            message, hint = f"is not UTF-8 text (line {line})", "Save it again with the encoding UTF-8."
            if b"\0" in content:
                message, hint = "is not a text file", "Name your config; if this is one, save it again as UTF-8."
    raise ConfigError(path, [Problem(path.name, "", message, hint)])


def _written_loc(loc: KeyPath, values: object) -> KeyPath:
    """The keys as the user wrote them: one path counts as a list of one, alternatives are no keys."""
    written: list[str | int] = []
    for part in loc:
        if isinstance(part, int) and not isinstance(values, list):
            continue
        is_written = isinstance(values, dict) and part in values
        if isinstance(part, str) and part.startswith("<") and not is_written:
            continue
        written.append(part)
        values = _item(values, part)
    return tuple(written)


def _item(values: object, part: str | int) -> object:
    if isinstance(values, dict):
        return values.get(part)
    return values[part] if isinstance(values, list) and isinstance(part, int) else None


def words_for(item: Mapping[str, Any], loc: KeyPath, schema: type[BaseModel] = RunConfig) -> tuple[str, str | None]:
    """Message and hint for one of pydantic's errors."""
    kind, given, context = str(item["type"]), item["input"], item.get("ctx", {})
    shown = "nothing" if given is None else shortened(repr(given))
    if kind == "missing" or (kind == "path" and given is None):
        words = "is missing" if kind == "missing" else "is not filled in"
        return words, _description(loc, schema)
    if kind == "string_pattern_mismatch":
        return "is not of the form it must have", _description(loc, schema)
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
    if kind.startswith("bool_"):
        return f"must be true or false, not {shown}", None
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
    if kind in ("path", "number_or_word", "gpus", "memory", "write_back"):
        return f"{item['msg']}, not {shown}", None
    if kind == "too_short":
        return "names nothing", "Give at least one."
    return str(item["msg"]), None


def _description(loc: KeyPath, schema: type[BaseModel]) -> str | None:
    known = schema_of(loc[:-1], schema).model_fields.get(str(loc[-1]))
    return known.description if known else None


def shortened(text: str) -> str:
    """A value or a key as it fits into a sentence; a config can hold anything."""
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def schema_of(path: KeyPath, schema: type[BaseModel] = RunConfig) -> type[BaseModel]:
    """The section of a schema at a path of keys; the whole schema where there is none."""
    section = schema
    for part in path:
        known = section.model_fields.get(str(part))
        # the place of an item in a list or a mapping of sections is no field: it is the same section
        found = section if known is None else _section_in(known.annotation)
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
    for name, known in schema.model_fields.items():
        section = _section_in(known.annotation)
        if section is not None and key in section.model_fields:
            return f"It belongs into the section {name}."
    if key in schema.model_fields:
        return "It belongs to the left margin, not into a section."
    return f"Known here: {', '.join(siblings)}."
