"""Writes a config as YAML that a person can read and edit."""

import re
from decimal import Decimal
from pathlib import Path

from loghi_runner.upstream_script.carried import CarriedOver, ConfigValue, Note, Severity


def render_config(carried: CarriedOver, out_dir: Path) -> str:
    """Return the YAML text; paths inside `out_dir`, where the file will lie, become relative to it."""
    carried_notes = {note.key: note for note in carried.notes if note.severity is Severity.CARRIED}
    missing = {note.key: note for note in carried.notes if note.severity is Severity.NOT_CARRIED}
    lines = list(_HEAD)
    for key in _KEYS:
        value = _value(carried.config, key)
        if value is not None:
            if isinstance(value, str | list) and key in _PATHS:
                value = _shown_paths(value, out_dir.absolute())
            lines += _section(lines, key)
            lines += _entry(key, value, carried_notes.get(key))
        elif key in missing and key in _TO_FILL_IN and not _is_answered(carried.config, key):
            lines += _section(lines, key, is_comment=key.split(".")[0] not in carried.config)
            lines.append(_blank(key, missing[key], is_section="." in key and key.split(".")[0] in carried.config))
    return "\n".join(lines) + "\n"


def _value(config: dict[str, ConfigValue], key: str) -> ConfigValue | None:
    value: ConfigValue | None = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return None if isinstance(value, dict) else value


def _is_answered(config: dict[str, ConfigValue], key: str) -> bool:
    return key in config


def _section(lines: list[str], key: str, *, is_comment: bool = False) -> list[str]:
    section = key.rpartition(".")[0]
    header = f"# {section}:" if is_comment else f"{section}:"
    return [header] if section and header not in lines else []


def _entry(key: str, value: ConfigValue, note: Note | None) -> list[str]:
    indent, name = "  " * key.count("."), key.rpartition(".")[2]
    source = f" ({note.variable}, line {note.line})" if note else ""
    comment = f"# {_MEANINGS[key]}{source}"
    if isinstance(value, list) and key in _PATHS:
        return [f"{indent}{name}:  {comment}", *(f"{indent}  - {_scalar(item)}" for item in value)]
    shown = f"[{', '.join(map(_scalar, value))}]" if isinstance(value, list) else _scalar(value)
    line = f"{indent}{name}: {shown}"
    return [f"{line}  {comment}"] if len(line) + len(comment) < _WIDTH else [f"{indent}{comment}", line]


def _blank(key: str, note: Note, *, is_section: bool) -> str:
    name = key.rpartition(".")[2]
    start = f"  # {name}:" if is_section else f"#   {name}:" if "." in key else f"# {name}:"
    return f"{start} <{_TO_FILL_IN[key]}>  ({note.variable}, line {note.line}, could not be used)"


def _shown_paths(value: str | list[str], folder: Path) -> str | list[str]:
    if isinstance(value, list):
        return [_shown_path(path, folder) for path in value]
    return _shown_path(value, folder)


def _shown_path(text: str, folder: Path) -> str:
    path = Path(text)
    if ".." in path.parts or not path.is_relative_to(folder):
        return text
    shown = path.relative_to(folder).as_posix()
    return f"./{shown}" if shown.startswith("~") else shown


def _scalar(value: ConfigValue) -> str:
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"  # YAML 1.1 takes 1e-05 for text
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    number = ord(char)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


_WIDTH = 110
_HEAD = (
    "# Made by loghi-runner from a Loghi training script; the lines of the script are named in brackets.",
    "# Relative paths start at this file's folder. Check it with: loghi-runner check <this file>",
)
_MEANINGS = {
    "name": "the new model's name",
    "base_model": "folder of the model that is fine-tuned",
    "base_model.vgsl": "a new model of this shape, trained from nothing",
    "data.train": "line list to learn from",
    "data.validation": "line list that picks the best epoch",
    "data.test": "line list that chooses nothing: the fair score",
    "output": "every run gets its own folder in here",
    "training.epochs": "times through all training lines, at most",
    "training.batch_size": "lines at a time; lower it if memory runs out",
    "training.learning_rate": "how big each step is",
    "training.early_stopping": "stop after so many epochs without a better score",
    "training.seed": "start of the random numbers",
    "training.augmentation": "small changes to the line images while training",
    "training.precision": "kind of numbers to calculate with",
    "training.freeze": "parts that do not learn",
    "charset": "extend adds missing letters, replace starts a new alphabet",
    "engine.gpus": "graphics card: auto, none, or its UUID",
}
_KEYS = tuple(_MEANINGS)
_PATHS = ("base_model", "data.train", "data.validation", "data.test", "output")
_TO_FILL_IN = {
    "name": "name of letters, digits, . _ -",
    "base_model": "folder of the base model, the one with model.keras in it",
    "data.train": "path of the training line list",
    "data.validation": "path of the validation line list",
    "data.test": "path of the test line list",
}

# Plain only where every version of YAML reads text. Source: YAML 1.1, types bool and null; YAML 1.2.2, section 10.
_PLAIN = re.compile(r"(?:\.{0,2}/)?[^\W\d]\w*(?:[./-]+\w+)*|\.")
_RESERVED = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
