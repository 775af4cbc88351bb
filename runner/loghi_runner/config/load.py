"""A config file into a RunConfig, or every problem in it at once."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_runner.config.choices import NormalizationChoice
from loghi_runner.config.file import ConfigError, ConfigFile, Problem
from loghi_runner.config.pulled_folder import pulled_folder
from loghi_runner.config.rules import broken_rules
from loghi_runner.config.schema import DataConfig, RunConfig, TextConfig, TrainingConfig, VgslModel
from loghi_runner.config.values import MAX_NAME, NAME_PATTERN
from loghi_runner.config.words import shortened
from loghi_runner.config.yaml_values import read_yaml_value

__all__ = [
    "ConfigError",
    "DataConfig",
    "LoadedConfig",
    "NormalizationChoice",
    "Problem",
    "RunConfig",
    "TextConfig",
    "TrainingConfig",
    "VgslModel",
    "load_config",
    "proposed_name",
]


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
    file = ConfigFile.read(path, "`loghi-runner init` writes a config to start from.")
    for override in overrides:
        _apply_override(file, override)
    values = {"name": file.path.stem, **file.values}
    if values.get("platform") is not None:
        values.setdefault("data", {})
    _look_at_name(file, values["name"])
    for rule in broken_rules(values):
        file.add(rule.key, rule.message, rule.hint)
    config = file.checked(RunConfig, values)
    if config.platform is not None:
        pages = (pulled_folder(config.output, config.platform),)
        config = config.model_copy(update={"data": config.data.model_copy(update={"pages": pages})})
    return LoadedConfig(config, file.path, file.text, tuple(overrides))


def _apply_override(file: ConfigFile, override: str) -> None:
    where = f"--set {override}"
    key, equals, raw = override.partition("=")
    parts = tuple(part.strip() for part in key.split("."))
    if not equals or not all(parts):
        file.problems.append(Problem(where, "", "is not `key=value`", "Write for example --set training.epochs=3"))
        return
    try:
        value = read_yaml_value(raw)
    except ValueError as error:
        message = f"has a value that is not YAML: {error}"
        file.problems.append(Problem(where, key, message, "Put the value in quotes."))
        return
    section = file.values
    for part in parts[:-1]:
        if not isinstance(section.get(part), dict):
            section[part] = {}
        section = section[part]
    section[parts[-1]] = value
    file.sources[parts] = where


def _look_at_name(file: ConfigFile, name: object) -> None:
    if not isinstance(name, str) or re.match(NAME_PATTERN, name):
        return
    allowed = "only letters, digits, `.`, `_` and `-` work in Loghi's scripts"
    if len(name) > MAX_NAME:
        allowed = f"that is {len(name)} characters, {MAX_NAME} are allowed"
    if "name" in file.values:
        message = f"is {shortened(repr(name))}; {allowed}"
    else:
        message = f"is taken from the file's name, {shortened(repr(name))}; {allowed}"
    file.add(("name",), message, f"Write `name: {proposed_name(name)}`.")


def proposed_name(name: str) -> str:
    """The nearest name that is allowed: without accents, and with what stands for other letters."""
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS)).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("._-")[:MAX_NAME] or "my_model"


# letters that have no accent to leave out
_LETTERS = str.maketrans(
    {"æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "ß": "ss", "œ": "oe", "đ": "d", "ð": "d", "þ": "th"}
)
