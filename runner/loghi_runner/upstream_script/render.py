"""Writes a config as YAML that a person can read and edit."""

from decimal import Decimal
from pathlib import Path

from loghi_runner.config.template import yaml_text
from loghi_runner.upstream_script.carry import PATHS, CarriedOver, ConfigValue, Note, Severity


def render_config(carried: CarriedOver, out_dir: Path) -> str:
    """Return the YAML text; paths inside `out_dir`, where the file will lie, become relative to it."""
    notes = {(note.key, note.severity): note for note in carried.notes}
    lines = list(_HEAD)
    for key in _MEANINGS:
        section, _, name = key.rpartition(".")
        value, missing = _value(carried.config, key), notes.get((key, Severity.NOT_CARRIED))
        indent, is_open = "  " if section else "", not section or section in carried.config
        header = f"{section}:" if is_open else f"# {section}:"
        if value is not None:
            new = _entry(key, f"{indent}{name}:", _shown(key, value, out_dir), notes.get((key, Severity.CARRIED)))
        elif missing and key in _TO_FILL_IN and key not in carried.config:
            commented = f"{indent}# {name}:" if is_open else f"# {indent}{name}:"
            new = [f"{commented} <{_TO_FILL_IN[key]}>  ({missing.variable}, line {missing.line}, could not be used)"]
        else:
            continue
        lines += [header, *new] if section and header not in lines else new
    return "\n".join(lines) + "\n"


def _value(config: dict[str, ConfigValue], key: str) -> ConfigValue | None:
    section, _, name = key.rpartition(".")
    place = config.get(section) if section else config
    value = place.get(name) if isinstance(place, dict) else None
    return None if isinstance(value, dict) else value


def _shown(key: str, value: ConfigValue, folder: Path) -> str | list[str]:
    """Return a value as YAML, several paths one by one."""
    if isinstance(value, list):
        texts = [_shown_text(key, text, folder) for text in value]
        return texts if key in PATHS else f"[{', '.join(texts)}]"
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"  # YAML 1.1 takes 1e-05 for text
    return _shown_text(key, str(value), folder) if isinstance(value, str) else str(value)


def _shown_text(key: str, text: str, folder: Path) -> str:
    path = Path(text)
    if key in PATHS and ".." not in path.parts and path.is_relative_to(folder.absolute()):
        text = path.relative_to(folder.absolute()).as_posix()
        text = f"./{text}" if text.startswith("~") else text
    return yaml_text(text)


def _entry(key: str, start: str, value: str | list[str], note: Note | None) -> list[str]:
    comment = f"# {_MEANINGS[key]}" + (f" ({note.variable}, line {note.line})" if note else "")
    indent = " " * (len(start) - len(start.lstrip()))
    if isinstance(value, list):
        return [f"{start}  {comment}", *(f"{indent}  - {item}" for item in value)]
    line = f"{start} {value}"
    return [f"{line}  {comment}"] if len(line) + len(comment) < _WIDTH else [f"{indent}{comment}", line]


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
_TO_FILL_IN = {
    "name": "name of letters, digits, . _ -",
    "base_model": "folder of the base model, the one with model.keras in it",
    "data.train": "path of the training line list",
    "data.validation": "path of the validation line list",
    "data.test": "path of the test line list",
}
