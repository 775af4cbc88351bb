"""Splits shell text into commands and works out what their words stand for, without running anything.

Nothing that only a shell could work out is guessed: it becomes an unknown part of a value.

Source: POSIX.1-2024, Shell Command Language, sections 2.2 (quoting), 2.3 (tokens) and 2.6 (expansions); arrays and
`$'...'` as in the Bash manual.
"""

import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

LONGEST_VALUE = 10_000  # a handful of a=$a$a would fill the memory otherwise
DEEPEST_NESTING = 20


class ShellSyntaxError(ValueError):
    """Why a text cannot be read as shell, and from which place of it on: its two arguments."""


@dataclass(frozen=True)
class Word:
    """A word as it is written, quotes included: `"$folder"/a.txt`."""

    source: str
    line: int


def read_commands(text: str) -> Iterator[tuple[str, list[Word]]]:
    """Yield the operator before each command (newline at the start) and its words, if any. Raises ShellSyntaxError."""
    at, line, after, words, is_target, heredocs = 0, 1, "\n", list[Word](), False, list[str]()
    while at < len(text):
        start = at
        if found := _SPACE.match(text, at):
            at = found.end()
        elif found := _HEREDOC.match(text, at):
            at = found.end()
            heredocs.append(found[1])
        elif found := _REDIRECTION.match(text, at):
            at, is_target = found.end(), True
        elif found := _OPERATOR.match(text, at):
            yield after, words
            at, after, words, is_target = found.end(), found[0], [], False
            while after == "\n" and heredocs:
                last = re.compile(rf"^\t*{heredocs.pop(0)}$", re.MULTILINE).search(text, at)
                at = last.end() if last else len(text)
        else:
            at = _word_end(text, at)
            words += [] if is_target else [Word(text[start:at], line)]
            is_target = False
        line += text.count("\n", start, at)
    yield after, words


def _word_end(text: str, start: int) -> int:
    at = start
    while at < len(text) and (at == start or text[at] not in " \t\n;&|<>()"):
        # (( arithmetic )) is one word, and name=( array )
        at = _piece_end(text, at, ")" if text.startswith("((", at) else "")
        at = _piece_end(text, at, ")") if text.startswith("=(", at - 1) else at
    return at


def _piece_end(text: str, start: int, closer: str = "", depth: int = 0) -> int:
    """Return where a piece of a word ends: plain text, `\\x`, a quoted text, `$name`, `${...}`, `$(...)`, backticks.

    `closer` will close the text around it, a quote or a bracket; it is empty in a word itself.
    """
    if plain := _PLAIN.match(text, start):
        return plain.end()
    found = _OPENING.get(closer, _OPENING[""]).match(text, start)
    if found is None:
        return start + 1
    at, closer = found.end(), _CLOSER_OF[found[0]]
    if depth > DEEPEST_NESTING:
        raise ShellSyntaxError("expansions are nested too deeply", start)
    while at < len(text) and text[at] != closer:
        at = at + 1 if closer in "'`" else _piece_end(text, at, closer, depth + 1)
    if at >= len(text):
        what = _QUOTES.get(closer, f"a bracket {found[0][-1]}")
        raise ShellSyntaxError(f"{what} is never closed", start)
    return at + 1


@dataclass(frozen=True)
class Setting:
    """A value, and the variable (or `--option`) and line a reader finds it at.

    `assumed` names what it rests on besides the script: `$HOME`, an argument left out.
    """

    label: str
    line: int
    value: str = ""
    assumed: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        return self.value.strip()


class Shell:
    """Holds the variables while a script is followed, and the folder it is in at the moment.

    `left_out` are variables that only branches not taken would set: the shell reads them as empty. `assumed` is what
    the value that was expanded last rests on besides the script.
    """

    def __init__(self, script_dir: Path) -> None:
        self.settings: dict[str, Setting] = {}
        self.folder = self._script_dir = script_dir.as_posix()
        self.left_out: set[str] = set()
        self._line = 1
        self.assumed: frozenset[str] = frozenset()
        self._unknown: list[str] = []

    def unknown(self, problem: str) -> str:
        """Return one character for what cannot be known; `problem` says why, as the end of a sentence."""
        if len(self._unknown) < _ROOM:
            self._unknown.append(problem)
        return chr(_FIRST + len(self._unknown) - 1)

    def problem_in(self, text: str) -> str | None:
        """Return why a text cannot be known, None if all of it is."""
        places = (ord(char) - _FIRST for char in text)
        return next((self._unknown[place] for place in places if 0 <= place < len(self._unknown)), None)

    def set(self, name: str, value: str) -> None:
        """Set a variable to what was expanded last."""
        self.settings[name] = Setting(name, self._line, value, self.assumed)

    def resolve(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.folder, path))

    def expand(self, word: Word) -> str:
        """Return the text of a word; a list is not split at its spaces."""
        self._line, self.assumed = word.line, frozenset()
        return self._expanded(word.source)

    def _expanded(self, source: str, *, in_quotes: bool = False) -> str:
        value, at, home = "", 0, os.environ.get("HOME")
        if source.startswith("(") and not in_quotes:  # an array, or ((arithmetic))
            return self._to_be_run(source)
        if tilde := _TILDE.match(source):  # in quotes too: nobody means a folder called ~
            value = self._assuming("~", home) if home and not tilde[2] else self._to_be_run(f"~{tilde[2]}")
            source = tilde[1] + source[tilde.end() :]
        while at < len(source):
            start, at = at, _piece_end(source, at, '"' if in_quotes else "")
            value += self._piece(source[start:at], in_quotes=in_quotes)
            if len(value) > LONGEST_VALUE:
                return self._to_be_run("a very long value")
        return value

    def _piece(self, piece: str, *, in_quotes: bool) -> str:
        quoted = "" if in_quotes else piece.removeprefix("$")
        if quoted.startswith("'"):
            return quoted[1:-1]
        if quoted.startswith('"'):
            return self._expanded(quoted[1:-1], in_quotes=True)
        if piece.startswith("\\"):
            is_kept = in_quotes and piece[1:] not in ("$", "`", '"', "\\", "\n")
            return piece if is_kept else piece[1:].removeprefix("\n")
        if piece.startswith(("`", "$(")):
            return self._substitution(piece.removeprefix("$")[1:-1])
        if piece.startswith("$") and piece != "$":
            return self._reference(piece[1:].removeprefix("{").removesuffix("}"), in_quotes=in_quotes)
        return piece

    def _variable(self, name: str) -> str | None:
        if name in ("0", "BASH_SOURCE"):
            return f"{self._script_dir}/{self._to_be_run('$0')}"
        if name == "PWD":
            return self.folder
        if name in self.settings:
            self.assumed |= self.settings[name].assumed
            return self.settings[name].value
        if name in self.left_out:
            return ""
        return self._assuming(f"${name}", os.environ[name]) if name in _ENVIRONMENT and name in os.environ else None

    def _assuming(self, source: str, value: str) -> str:
        self.assumed |= {source}
        return value

    def _to_be_run(self, source: str) -> str:
        return self.unknown(f"it needs {shorten(source)} to be run, and the script is only read")

    def _reference(self, source: str, *, in_quotes: bool) -> str:
        """Work out `$name` and `${name<operator><argument>}`."""
        found = _REFERENCE.fullmatch(source)
        name, operator, rest = (found[1], found[2], found[3]) if found else (source, "", "")
        value = self._variable(name)
        is_empty = value is None or (operator.startswith(":") and not value)
        match operator.removeprefix(":"):
            case "-" | "=" if is_empty:
                given = self._expanded(rest, in_quotes=in_quotes)
                if operator.endswith("="):
                    self.set(name, given)
                return self._assuming(f"${name}", given)
            case "+":
                return "" if is_empty else self._expanded(rest, in_quotes=in_quotes)
            case "%" | "%%" | "#" | "##" if value:
                return _cut(value, operator, self._expanded(rest, in_quotes=in_quotes))
            case "" if value and rest:
                return self._to_be_run(f"${{{name}...}}")
        if value is not None:
            return value
        if name.isidentifier():
            return self.unknown(f"it uses ${name}, which the script never sets")
        return self.unknown(f"it comes from ${name}, which is given when the script is started")

    def _substitution(self, source: str) -> str:
        if source.startswith("("):  # $((arithmetic))
            return self._to_be_run(f"$({source})")
        calls = [[self._expanded(word.source) for word in words] for _, words in read_commands(source) if words]
        match [[call[0], *(value for value in call[1:] if value[:1] != "-")] for call in calls]:
            case [["pwd", *_]]:
                return self._assuming("pwd", self.folder)
            case [["cd", path], ["pwd", *_]] | [["realpath" | "readlink", path]]:
                return self.resolve(path)
            case [["dirname", path]]:
                return posixpath.dirname(path.rstrip("/")) or "."
            case [["basename", path]]:
                return posixpath.basename(path.rstrip("/"))
            case [["echo", text]]:
                return text
            case [["mktemp", *_]]:
                return self.unknown(f"it lies in a temporary folder, {shorten(f'$({source})')}")
        return self._to_be_run(f"$({source})")


def _cut(text: str, operator: str, pattern: str) -> str:
    """Return what `${name%pattern}` and its kin leave: the shortest match goes, the longest with `%%` and `##`."""
    places = range(len(text) + 1)
    is_end = operator.startswith("%")
    for place in places if is_end == (len(operator) == 2) else reversed(places):
        start, end = text[:place], text[place:]
        if fnmatchcase(end if is_end else start, pattern):
            return start if is_end else end
    return text


def shorten(text: str) -> str:
    """Return text as one line of at most 60 characters, for a sentence."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= 60 else f"{line[:57]}..."


_SPACE = re.compile(r"(?:[ \t]|\\\n|#[^\n]*)+")
_OPERATOR = re.compile(r"&&|\|\||;;|\|&|\([ \t]*\)|\((?!\()|[;&|)\n]")
_HEREDOC = re.compile(r"<<-?[ \t]*['\"\\]?(\w+)['\"]?")
_REDIRECTION = re.compile(r"\d*(?:<<<|<<-?|<>|<&|>>|>\||>&|<|>)|&>>?")
#: Text in which nothing opens and no word ends, an escaped character, or `$name`.
_PLAIN = re.compile(r"[\w./:,=+-]+|\\.|\$(?:[A-Za-z_]\w*|[0-9@*#?$!-])", re.DOTALL)
#: What opens something, by what will close the text around it.
_OPENING = {
    "": re.compile(r"\$?['\"]|\$[({]|`"),
    '"': re.compile(r"\$[({]|`"),
    ")": re.compile(r"\$?['\"]|\$[({]|`|\("),
}
_CLOSER_OF = {"'": "'", "$'": "'", '"': '"', '$"': '"', "`": "`", "(": ")", "$(": ")", "${": "}"}
_QUOTES = {"'": "a single quote", '"': "a double quote", "`": "a backtick"}
_REFERENCE = re.compile(r"(\w+|[@*#?$!-])(?:\[[^\]]*\])?(:?[-=+?]|%%?|##?|)(.*)", re.DOTALL)
_TILDE = re.compile(r"(['\"]?)~([\w.-]*)(?=[/'\"]|$)")
_ENVIRONMENT = ("HOME", "USER", "LOGNAME")

# Plane 16, set aside by Unicode for private use: no path or name holds its characters, while medieval fonts do use
# the private area of plane 0. Source: Unicode 17, section 23.5.
_FIRST = 0x100000
_ROOM = 0xFFFE
