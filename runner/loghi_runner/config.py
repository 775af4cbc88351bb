"""A config file into a RunConfig, or every problem in it at once."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # raw YAML values have no narrower type

from pydantic import ValidationError

from loghi_runner.config_rules import broken_rules
from loghi_runner.config_schema import (
    MAX_NAME,
    NAME_PATTERN,
    DataConfig,
    EngineConfig,
    EngineKind,
    NormalizationChoice,
    RunConfig,
    TextConfig,
    TrainingConfig,
    VgslModel,
)
from loghi_runner.config_words import words_for
from loghi_runner.config_yaml import KeyPath, YamlDocument, read_yaml, read_yaml_value
from loghi_runner.errors import UsageError

__all__ = [
    "ConfigError",
    "DataConfig",
    "EngineConfig",
    "EngineKind",
    "LoadedConfig",
    "NormalizationChoice",
    "Problem",
    "RunConfig",
    "TextConfig",
    "TrainingConfig",
    "VgslModel",
    "load_config",
]


@dataclass(frozen=True)
class Problem:
    """One fault of a config; `where` is `config.yaml:7`, the file's name, or the `--set` it came from."""

    where: str
    key: str
    message: str
    hint: str | None

    def __str__(self) -> str:
        sentence = f"{self.where}: {f'{self.key} ' if self.key else ''}{self.message}"
        return f"{sentence}. {self.hint}" if self.hint else sentence


class ConfigError(UsageError):
    """The config cannot be used; `problems` holds all that is wrong with it."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_line))
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        message = "\n".join([f"{path.name} has {count}:", *(f"  {problem}" for problem in self.problems)])
        super().__init__("config.invalid", message, where=str(path))


def _line(problem: Problem) -> int:
    number = problem.where.rpartition(":")[2]
    return int(number) if number.isdigit() else 0


@dataclass(frozen=True)
class LoadedConfig:
    """`text` is the user's file byte for byte (UTF-8); `overrides` are the `--set` arguments, as given."""

    config: RunConfig
    path: Path
    text: str
    overrides: tuple[str, ...]


def load_config(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Read a config; paths in it, and in overrides, are relative to its folder.

    Raises:
        ConfigError: it cannot be read, or anything in it is wrong.
    """
    path = path.absolute()
    text = _read_text(path)
    document = read_yaml(text)
    problems = [
        Problem(_at(path, problem.line), problem.key, problem.message, problem.hint) for problem in document.problems
    ]
    if problems and not document.value:
        raise ConfigError(path, problems)
    sources: dict[KeyPath, str] = {}
    for override in overrides:
        problems += _apply_override(document.value, override, sources)
    values = {"name": path.stem, **document.value}
    problems += _name_problems(values, document, path, sources)
    problems += [
        Problem(_where(rule.key, document, path, sources), ".".join(map(str, rule.key)), rule.message, rule.hint)
        for rule in broken_rules(values)
    ]
    try:
        config = RunConfig.model_validate(values, context={"folder": path.parent})
    except ValidationError as error:
        problems += [_problem(dict(item), values, document, path, sources) for item in error.errors()]
        raise ConfigError(path, problems) from None
    if problems:
        raise ConfigError(path, problems)
    return LoadedConfig(config, path, text, tuple(overrides))


def _read_text(path: Path) -> str:
    hint: str | None = "`loghi-runner init` writes a config to start from."
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        message = f"does not exist: {path}"
    except IsADirectoryError:
        message, hint = f"is a folder: {path}", "Name the config file in it."
    except OSError as error:
        message, hint = f"cannot be read: {error.strerror}", "Check the file's permissions."
    else:
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            message, hint = f"is not UTF-8 text (line {line})", "Save it again with the encoding UTF-8."
            if b"\0" in content:
                message, hint = "is not a text file", "Name your config; if this is one, save it again as UTF-8."
    raise ConfigError(path, [Problem(path.name, "", message, hint)])


def _at(path: Path, line: int | None) -> str:
    return path.name if line is None else f"{path.name}:{line}"


def _apply_override(values: dict[str, Any], override: str, sources: dict[KeyPath, str]) -> list[Problem]:
    where = f"--set {override}"
    key, equals, raw = override.partition("=")
    parts = tuple(part.strip() for part in key.split("."))
    if not equals or not all(parts):
        return [Problem(where, "", "is not `key=value`", "Write for example --set training.epochs=3")]
    try:
        value = read_yaml_value(raw)
    except ValueError as error:
        return [Problem(where, key, f"has a value that is not YAML: {error}", "Put the value in quotes.")]
    section = values
    for part in parts[:-1]:
        if not isinstance(section.get(part), dict):
            section[part] = {}
        section = section[part]
    section[parts[-1]] = value
    sources[parts] = where
    return []


def _name_problems(
    values: Mapping[str, Any], document: YamlDocument, path: Path, sources: Mapping[KeyPath, str]
) -> list[Problem]:
    name = values["name"]
    if not isinstance(name, str) or re.match(NAME_PATTERN, name):
        return []
    allowed = "only letters, digits, `.`, `_` and `-` work in Loghi's scripts"
    if len(name) > MAX_NAME:
        allowed = f"that is {len(name)} characters, {MAX_NAME} are allowed"
    proposal = _proposed_name(name)
    if "name" in document.value:
        message = f"is {name!r}; {allowed}"
    else:
        message = f"is taken from the file's name, {name!r}; {allowed}"
    return [Problem(_where(("name",), document, path, sources), "name", message, f"Write `name: {proposal}`.")]


def _proposed_name(name: str) -> str:
    """The nearest name that is allowed: without accents, and with what stands for other letters."""
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS)).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("._-")[:MAX_NAME] or "my_model"


def _problem(
    item: Mapping[str, Any],
    values: Mapping[str, Any],
    document: YamlDocument,
    path: Path,
    sources: Mapping[KeyPath, str],
) -> Problem:
    loc = _written_loc(item["loc"], values)
    message, hint = words_for(item, loc)
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    return Problem(_where(loc, document, path, sources), key, message, hint)


def _written_loc(loc: KeyPath, values: object) -> KeyPath:
    """The keys as the user wrote them: one path counts as a list of one, alternatives are no keys."""
    written: list[str | int] = []
    for part in loc:
        if isinstance(part, int) and not isinstance(values, list):
            continue
        if isinstance(part, str) and part.startswith("<"):
            continue
        written.append(part)
        values = _item(values, part)
    return tuple(written)


def _item(values: object, part: str | int) -> object:
    if isinstance(values, dict):
        return values.get(part)
    return values[part] if isinstance(values, list) and isinstance(part, int) else None


def _where(loc: KeyPath, document: YamlDocument, path: Path, sources: Mapping[KeyPath, str]) -> str:
    # an override below this key has made it what it is
    below = next((source for key, source in sources.items() if key[: len(loc)] == loc), None)
    if loc and below is not None:
        return below
    for length in range(len(loc), 0, -1):
        if loc[:length] in sources:
            return sources[loc[:length]]
        if loc[:length] in document.lines:
            return _at(path, document.lines[loc[:length]])
    return path.name


# letters that have no accent to leave out
_LETTERS = str.maketrans(
    {"æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "ß": "ss", "œ": "oe", "đ": "d", "ð": "d", "þ": "th"}
)
