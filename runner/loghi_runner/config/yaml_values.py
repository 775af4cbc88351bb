"""YAML as a config needs it: plain values, the line of every key, and faults in plain words."""

import re
from dataclasses import dataclass, field
from typing import Any  # YAML values have no narrower type

import yaml

KeyPath = tuple[str | int, ...]

_MAX_DEPTH = 20
_TAG = "tag:yaml.org,2002:"


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


@dataclass
class YamlDocument:
    """The values, where each key stands, and what is wrong; with problems the values may be incomplete."""

    name: str
    value: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def at(self, line: int | None) -> str:
        """A place in it; lines count from 1, and None is the whole file."""
        return self.name if line is None else f"{self.name}:{line}"

    def add(self, line: int | None, message: str, hint: str, key: KeyPath = ()) -> None:
        self.problems.append(Problem(self.at(line), ".".join(map(str, key)), message, hint))


def read_yaml(text: str, name: str) -> YamlDocument:
    """Read a mapping; a byte order mark is accepted, everything odd is a problem with its line.

    Args:
        name: what the text is called where problems are told.
    """
    document = YamlDocument(name)
    try:
        _refuse_oddities(text)
        node = yaml.compose(text, Loader=_Loader)
    except _OddityError as oddity:
        document.add(*oddity.args)
    except yaml.YAMLError as error:
        document.add(*_syntax_problem(error, text))
    else:
        if isinstance(node, yaml.MappingNode):
            document.value = _value(node, (), document)
        else:
            message = "the file is empty" if node is None else "the file is not a list of `key: value` lines"
            hint = "`loghi-runner init` writes a config to start from."
            document.add(None if node is None else 1, message, hint)
    return document


def read_yaml_value(text: str) -> Any:
    """The value of one scalar or `[list]`, as it would stand after a key.

    Raises:
        ValueError: it is not YAML, or more than a scalar or a list of them.
    """
    document = read_yaml(f"value: {text}", "")
    if document.problems or set(document.value) != {"value"}:
        raise ValueError(document.problems[0].message if document.problems else "more than one value")
    return document.value["value"]


class _Loader(yaml.SafeLoader):
    """Reads `no`, `on` and 2026-11-22 as texts, 3e-4 as a number (YAML 1.2), unlike PyYAML's own 1.1."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's way to say which plain words are no texts


_Loader.add_implicit_resolver(f"{_TAG}null", re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(f"{_TAG}bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"^[-+]?[0-9]{1,18}$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(r"^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan)$"),
    list("-+0123456789."),
)


class _OddityError(Exception):
    """Its arguments are the line, what is wrong there, and what to do."""


def _refuse_oddities(text: str) -> None:
    """Stop at what no config needs and what could make reading it endless: aliases and bottomless nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise _OddityError(line, "anchors and aliases (& and *) are not accepted", "Write the value out.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise _OddityError(line, "this is nested far too deep", "A config has sections, and lists in them.")


def _value(node: yaml.Node, path: KeyPath, document: YamlDocument) -> Any:
    line = node.start_mark.line + 1
    document.lines.setdefault(path, line)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), document) for index, item in enumerate(node.value)]
    return _scalar(node, path, document)


def _mapping(node: yaml.MappingNode, path: KeyPath, document: YamlDocument) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        line = key_node.start_mark.line + 1
        if key in values:
            first = document.lines[(*path, key)]
            message = f"{key} is given twice; first on line {first}"
            document.add(line, message, "Remove one of the two.", (*path, key))
            continue
        document.lines[(*path, key)] = line
        values[key] = _value(value_node, (*path, key), document)
    return values


def _scalar(node: yaml.Node, path: KeyPath, document: YamlDocument) -> Any:
    text = str(node.value)
    match node.tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text)
        case "float":
            return float(text.replace(".inf", "inf").replace(".nan", "nan"))
        case "str":
            return text
    document.add(node.start_mark.line + 1, f"the tag {node.tag} is not accepted", "Remove it.", path)
    return None


def _syntax_problem(error: yaml.YAMLError, text: str) -> tuple[int | None, str, str]:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return None, f"this is not a YAML text file: {error}", "Save it as plain text in UTF-8."
    lines = text.split("\n")
    source = lines[mark.line] if mark.line < len(lines) else ""
    indentation = source[: len(source) - len(source.lstrip())]
    if "\t" in indentation:
        return mark.line + 1, "the line begins with a TAB", "Indent with spaces; YAML allows no TABs."
    if source[mark.column : mark.column + 1] == "\t":
        return mark.line + 1, "there is a TAB between key and value", "Write a space; YAML allows no TABs."
    problem = getattr(error, "problem", None) or "it cannot be read"
    hint = "Look at this line and the one above: a missing quote or bracket, a `: ` inside a text, wrong indentation?"
    return mark.line + 1, f"this is not YAML: {problem}", hint
