"""Reads the options of a call of main.py."""

import re
import shlex
from dataclasses import dataclass

from loghi_runner.upstream_script.carried import Note, Severity
from loghi_runner.upstream_script.expand import Expander
from loghi_runner.upstream_script.lexer import Reference, Text, Word
from loghi_runner.upstream_script.script import Call, Option
from loghi_runner.upstream_script.tables import FLAGS, LIST_OPTIONS, full_name
from loghi_runner.upstream_script.values import Value


def read_call(words: list[Word], expander: Expander) -> tuple[Call, list[Note]]:
    """Return the call in a command that holds `main.py`, and remarks about parts that cannot be read."""
    items = _items(words, expander)
    start = next((index for index, item in enumerate(items) if re.search(r"(^|/)main\.py$", item.value.text)), -1)
    options, remarks = _options(items[start + 1 :], expander)
    launcher = tuple(item.value.text for item in items[:start] if expander.knows(item.value))
    return Call(words[0].line, launcher, options), remarks


def read_options(words: list[Word], expander: Expander) -> tuple[dict[str, Option], list[Note]]:
    """Return the options in words that stand by themselves."""
    return _options(_items(words, expander), expander)


@dataclass(frozen=True)
class _Item:
    value: Value
    line: int
    variable: str | None


def _items(words: list[Word], expander: Expander) -> list[_Item]:
    items: list[_Item] = []
    for word in words:
        value, variable = expander.expand(word), _only_reference(word)
        if re.search(r"main\.py\s", value.text):  # bash -c "... main.py --option ..."
            items += [_Item(Value(text), word.line, None) for text in _split(value.text)]
        elif variable and not value.text.strip():
            continue
        elif re.match(r"\s*--", value.text):
            items += [_Item(Value(text), word.line, variable) for text in _split(value.text)]
        else:
            items.append(_Item(value, word.line, variable))
    return items


def _options(items: list[_Item], expander: Expander) -> tuple[dict[str, Option], list[Note]]:
    options: dict[str, Option] = {}
    remarks: list[Note] = []
    waiting, last = None, ""
    for item in items:
        text = item.value.text
        if text.startswith("--"):
            written, equals, given = text[2:].partition("=")
            last = full_name(written)
            options[last] = Option(Value(given) if equals else None, item.line, item.variable)
            waiting = None if equals or last in FLAGS else last
        elif waiting:
            options[waiting] = Option(item.value, item.line, item.variable)
            waiting = None
        elif unknown := expander.unknowns.first_in(text):
            sentence = f"The options in {unknown.source} cannot be known without running the script."
            remarks.append(Note(Severity.CHECK, item.line, item.variable or unknown.source, sentence))
        elif last in LIST_OPTIONS and (before := options[last].value):
            options[last] = Option(before + Value(" ") + item.value, item.line, None)
    return options, remarks


def _only_reference(word: Word) -> str | None:
    parts = [part for part in word.parts if part != Text("", quoted=True)]
    return parts[0].name if len(parts) == 1 and isinstance(parts[0], Reference) else None


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
