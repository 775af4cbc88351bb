"""Works out what a word of the script stands for, without running anything."""

import os
import posixpath
import re
from pathlib import Path

from loghi_runner.upstream_script.lexer import Reference, Substitution, Text, Word, read_commands
from loghi_runner.upstream_script.script import Setting
from loghi_runner.upstream_script.values import Reason, Unknowns, Value

LONGEST_VALUE = 10_000  # a handful of a=$a$a would fill the memory otherwise


class Expander:
    """Holds the variables while a script is followed; `folder` is the folder the script is in at the moment.

    `left_out` are variables that only branches not taken would set: the shell reads them as empty.
    """

    def __init__(self, script_dir: Path) -> None:
        self.settings: dict[str, Setting] = {}
        self.folder = Value(script_dir.as_posix())
        self.unknowns = Unknowns()
        self.left_out: set[str] = set()
        self._script = Value(f"{script_dir.as_posix()}/")

    def expand(self, word: Word, depth: int = 0) -> Value:
        """Return the text of a word; a list is not split at its spaces."""
        value = Value("")
        at_start = True
        for part in word.parts:
            if isinstance(part, Text):
                value += self._text(part.value, at_start=at_start)
            elif isinstance(part, Reference):
                value += self._reference(part, word.line, depth)
            else:
                value += self._substitution(part, word.line, depth)
            at_start = at_start and isinstance(part, Text) and not part.value
            if len(value.text) > LONGEST_VALUE:
                return self.unknowns.mark(Reason.COMMAND, "a very long value")
        return value

    def knows(self, value: Value) -> bool:
        return self.unknowns.first_in(value.text) is None

    def resolve(self, value: Value) -> Value:
        """Return a path as seen from the folder the script is in."""
        return Value(posixpath.normpath(posixpath.join(self.folder.text, value.text)), value.assumed)

    def _text(self, text: str, *, at_start: bool) -> Value:
        found = _TILDE.match(text) if at_start else None  # in quotes too: nobody means a folder called ~
        home = os.environ.get("HOME")
        if not found:
            return Value(text)
        if found.group(1) or not home:
            return self.unknowns.mark(Reason.COMMAND, found.group())
        return Value(home + text[1:], ("~",))

    def _reference(self, part: Reference, line: int, depth: int) -> Value:
        name = part.name.split("[")[0]
        value = self._variable(name)
        operator = part.operator
        if operator == "":
            return value or self._missing(name)
        argument = self.expand(part.argument, depth + 1) if part.argument else Value("")
        empty = value is None or (operator.startswith(":") and not value.text)
        if operator in (":-", "-", ":=", "="):
            if not empty and value:
                return value
            if operator in (":=", "="):
                self.settings[name] = Setting(argument, line)
            return Value(argument.text, (*argument.assumed, f"${name}"))
        if operator in (":+", "+"):
            return Value("") if empty else argument
        if value and operator in ("%", "#", "%%", "##"):
            cut = self._cut(value, operator, argument.text)
            if cut:
                return cut
        elif value and operator in (":?", "?"):
            return value
        return self._missing(name) if value is None else self.unknowns.mark(Reason.COMMAND, f"${{{name}...}}")

    def _variable(self, name: str) -> Value | None:
        if name in ("0", "BASH_SOURCE"):
            return self._script + self.unknowns.mark(Reason.COMMAND, "$0")
        if name == "PWD":
            return self.folder
        if name in self.settings:
            return self.settings[name].value
        if name in self.left_out:
            return Value("")
        if name in _ENVIRONMENT and name in os.environ:
            return Value(os.environ[name], (f"${name}",))
        return None

    def _missing(self, name: str) -> Value:
        reason = Reason.UNSET if name.isidentifier() else Reason.ARGUMENT
        return self.unknowns.mark(reason, f"${name}")

    def _cut(self, value: Value, operator: str, pattern: str) -> Value | None:
        before, slash, after = value.text.rpartition("/")
        if (operator, pattern) == ("%", "/*"):
            return Value(before if slash else value.text, value.assumed)
        if (operator, pattern) == ("##", "*/"):
            return Value(after, value.assumed)
        if _GLOB.search(pattern):
            return None
        cut = value.text.removesuffix(pattern) if operator.startswith("%") else value.text.removeprefix(pattern)
        return Value(cut, value.assumed)

    def _substitution(self, part: Substitution, line: int, depth: int) -> Value:
        unknown = self.unknowns.mark(Reason.COMMAND, f"$({part.source})")
        if part.source.startswith("("):  # $((arithmetic)) or an array
            return unknown
        commands = [command for command in read_commands(part.source, line, depth + 1) if command.words]
        calls = [[self.expand(word, depth + 1) for word in command.words] for command in commands]
        names = [call[0].text for call in calls]
        arguments = [[value for value in call[1:] if not value.text.startswith("-")] for call in calls]
        if names == ["pwd"]:
            return Value(self.folder.text, (*self.folder.assumed, "pwd"))
        if names == ["cd", "pwd"] and len(arguments[0]) == 1:
            return self.resolve(arguments[0][0])
        if names == ["mktemp"]:
            return self.unknowns.mark(Reason.TEMPORARY, f"$({part.source})")
        if len(calls) == 1 and len(arguments[0]) == 1:
            return self._known_command(names[0], arguments[0][0]) or unknown
        return unknown

    def _known_command(self, name: str, argument: Value) -> Value | None:
        if name == "dirname":
            return _dirname(argument)
        if name == "basename":
            return _basename(argument)
        if name in ("realpath", "readlink"):
            return self.resolve(argument)
        return argument if name == "echo" else None


def _dirname(value: Value) -> Value:
    return Value(posixpath.dirname(value.text.rstrip("/")) or ".", value.assumed)


def _basename(value: Value) -> Value:
    return Value(posixpath.basename(value.text.rstrip("/")), value.assumed)


_ENVIRONMENT = ("HOME", "USER", "LOGNAME")
_TILDE = re.compile(r"~([\w.-]*)(?=/|$)")
_GLOB = re.compile(r"[*?\[]")
