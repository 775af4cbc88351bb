"""A config file into a RunConfig, or every problem in it at once."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_runner.config.file import ConfigFile, shortened
from loghi_runner.config.names import MAX_NAME, NAME_PATTERN, proposed_name
from loghi_runner.config.schema import RunConfig, pulled_folder
from loghi_runner.config.yaml_values import KeyPath, Problem, read_yaml_value
from loghi_runner.engines.setting import foreign_keys


@dataclass(frozen=True)
class LoadedConfig:
    """`text` is the user's file byte for byte (UTF-8); `overrides` are the `--set` arguments, as given.

    One written `key?=value` is taken where the file does not have the key.
    """

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
    for key, message, hint in _broken_rules(values):
        file.add(key, message, hint)
    config = file.checked(RunConfig, values)
    if config.platform is not None:
        pages = (pulled_folder(config.output, config.platform),)
        config = config.model_copy(update={"data": config.data.model_copy(update={"pages": pages})})
    return LoadedConfig(config, file.path, file.text, tuple(overrides))


def _apply_override(file: ConfigFile, override: str) -> None:
    where = f"--set {override}"
    key, equals, raw = override.partition("=")
    parts = tuple(part.strip() for part in key.removesuffix("?").split("."))
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
    if key.endswith("?") and section.get(parts[-1]) is not None:
        return
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


#: Keys of `data` that only make sense for line lists, with what stands in for them when there are pages.
_FOR_LISTS = {
    "validation": "Pages are split by data.split; leave it out.",
    "test": "Pages are split by data.split; leave it out.",
    "root": "It is for paths in line lists; leave it out.",
    "straighten": "`data.cut: straight` does it for lines of pages, along their baselines.",
}
_FOR_PAGES = ("split", "cut", "text_equiv", "skip_tags", "skip_machine_read", "style_marks")


def _broken_rules(values: Mapping[str, object]) -> Iterator[tuple[KeyPath, str, str]]:
    """What is wrong between the keys of a config as written: at which key, what, and what to do."""
    for key, message, hint in foreign_keys(values.get("engine")):
        yield ("engine", key), message, hint
    if "data" not in values:
        return  # a missing section is said elsewhere
    data = values["data"] or {}
    if not isinstance(data, Mapping):
        return
    given = {key for key, value in data.items() if value is not None}
    if isinstance(values.get("base_model"), Mapping):
        for key in [key for key in ("cut", "straighten") if data.get(key) == "auto"]:
            hint = "Choose one; two epochs of a new network tell nothing."
            yield ("data", key), "is auto, and there is no base model to try it with", hint
    if values.get("platform") is not None:
        hint = "Its pages are what is learnt from, split by data.split; leave this out, or the section platform."
        # base_domain and old_hand can be of another place than the pages
        for key in [key for key in ("train", "pages", *_FOR_LISTS) if key in given]:
            yield ("data", key), "cannot stand beside platform", hint
    elif not given & {"train", "pages"}:
        message = "is not filled in" if "train" in data else "is missing"
        hint = "Name a line list to learn from; or instead, as data.pages, a folder of pages with PAGE XML or ALTO."
        yield ("data", "train"), message, hint
    elif {"train", "pages"} <= given:
        hint = "Keep the line lists or the folder of pages; the other lines can be a second run."
        yield ("data", "pages"), "stands beside data.train; only one of the two can be learnt from", hint
    elif "pages" in given:
        for key in [key for key in _FOR_LISTS if key in given]:
            yield ("data", key), "cannot stand beside data.pages", _FOR_LISTS[key]
    elif "old_hand" not in given:
        for key in [key for key in _FOR_PAGES if key in given]:
            hint = "Leave it out, or name a folder of pages as data.pages instead of data.train."
            yield ("data", key), "says how pages are read, but there is no data.pages", hint
