"""Splits shell text into commands and words, with quotes resolved and expansions kept as parts.

Source: POSIX.1-2024, Shell Command Language, sections 2.2 (quoting), 2.3 (tokens) and 2.6 (expansions); arrays, `[[`
and `$'...'` as in the Bash manual.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TypeAlias

DEEPEST_NESTING = 20


class ShellSyntaxError(ValueError):
    """The text cannot be read as shell; `line` says where the unreadable part begins."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Text:
    value: str
    quoted: bool


@dataclass(frozen=True)
class Reference:
    """`$name` or `${name<operator><argument>}`."""

    name: str
    quoted: bool
    operator: str = ""
    argument: "Word | None" = None


@dataclass(frozen=True)
class Substitution:
    """`$(source)`, `$((source))` or an array: something only a shell can work out."""

    source: str
    quoted: bool


Part: TypeAlias = Text | Reference | Substitution


@dataclass(frozen=True)
class Word:
    parts: tuple[Part, ...]
    line: int

    @property
    def bare(self) -> str | None:
        """The word's text if it is written without quotes and expansions."""
        if all(isinstance(part, Text) and not part.quoted for part in self.parts):
            return "".join(part.value for part in self.parts if isinstance(part, Text))
        return None


@dataclass(frozen=True)
class Command:
    """The words between two operators; `after` is the operator before them (newline at the start)."""

    words: tuple[Word, ...]
    after: str


def read_commands(text: str, first_line: int = 1, depth: int = 0) -> list[Command]:
    """Return the commands of a script in order, empty ones included only after an operator other than a newline.

    Raises:
        ShellSyntaxError: a quote or a bracket is never closed.
    """
    return _Lexer(text, first_line, depth).commands()


_OPERATORS = ("&&", "||", ";;", "|&", "()", ";", "&", "|", "(", ")", "\n")
_REDIRECTION = re.compile(r"\d*(<<<|<<-?|<>|<&|>>|>\||>&|<|>)|&>>?")
_EMPTY_BRACKETS = re.compile(r"\([ \t]*\)")
_BRACES = re.compile(r"(\w+(?:\[[^\]]*\])?|[@*#?$!-])(:?[-=+?]|%%?|##?|)(.*)", re.DOTALL)
_TESTS = ("if", "elif", "while", "until", "!")


class _Lexer:
    def __init__(self, text: str, first_line: int, depth: int) -> None:
        if depth > DEEPEST_NESTING:
            raise ShellSyntaxError("expansions are nested too deeply", first_line)
        self._text = text
        self._at = 0
        self._first_line = first_line
        self._line_ends = [found.start() for found in re.finditer("\n", text)]
        self._depth = depth
        self._heredocs: list[tuple[str, bool]] = []
        self._in_test = False

    def commands(self) -> list[Command]:
        commands: list[Command] = []
        words: list[Word] = []
        after = "\n"
        while True:
            self._skip_blanks()
            operator = self._operator(words)
            if operator is None and self._at < len(self._text):
                if self._skip_redirection():
                    continue
                words.append(self._word())
                self._in_test = _is_test(words, self._in_test)
                continue
            self._in_test = False
            if words or after != "\n":
                commands.append(Command(tuple(words), after))
            if operator is None:
                return commands
            words, after = [], operator
            if operator == "\n":
                self._skip_heredocs()

    def value(self, *, in_quotes: bool) -> Word:
        """Read the whole text as one word: the argument of `${name:-argument}`."""
        line, parts = self._line(), list[Part]()
        while self._at < len(self._text):
            self._part(parts, in_quotes=in_quotes)
        return Word(tuple(parts), line)

    def _line(self, at: int | None = None) -> int:
        return self._first_line + bisect_right(self._line_ends, (self._at if at is None else at) - 1)

    def _skip_blanks(self) -> None:
        while self._at < len(self._text):
            if self._text[self._at] in " \t":
                self._at += 1
            elif self._text.startswith("\\\n", self._at):
                self._at += 2
            elif self._text[self._at] == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            else:
                return

    def _operator(self, words: list[Word]) -> str | None:
        if self._in_test and not self._text.startswith("\n", self._at):
            return None  # inside [[ ]] these characters belong to the test
        if self._text.startswith("&>", self._at):
            return None
        empty = _EMPTY_BRACKETS.match(self._text, self._at)
        if empty and words:
            self._at = empty.end()
            return "()"
        for operator in _OPERATORS:
            if self._text.startswith(operator, self._at):
                if operator == "(" and self._text.startswith("((", self._at):
                    return None
                self._at += len(operator)
                return operator
        return None

    def _skip_redirection(self) -> bool:
        found = _REDIRECTION.match(self._text, self._at)
        if not found:
            return False
        self._at = found.end()
        self._skip_blanks()
        target = self._word() if self._at < len(self._text) else None
        if target and found.group(1) in ("<<", "<<-"):
            quoted = "".join(part.value for part in target.parts if isinstance(part, Text))
            self._heredocs.append((quoted, found.group(1) == "<<-"))
        return True

    def _skip_heredocs(self) -> None:
        for delimiter, tabs in self._heredocs:
            while self._at < len(self._text):
                end = self._text.find("\n", self._at)
                end = len(self._text) if end < 0 else end
                line = self._text[self._at : end]
                self._at = min(end + 1, len(self._text))
                if (line.lstrip("\t") if tabs else line) == delimiter:
                    break
        self._heredocs = []

    def _word(self) -> Word:
        line, start, parts = self._line(), self._at, list[Part]()
        if self._text.startswith("((", self._at):
            return Word((Substitution(self._enclosed("(", ")"), quoted=False),), line)
        ends = " \t\n" if self._in_test and not self._text.startswith("]]", self._at) else " \t\n;&|<>()"
        while self._at < len(self._text):
            if self._text[self._at] == "(" and parts and parts[-1] == Text("=", quoted=False):
                parts.append(Substitution(self._enclosed("(", ")"), quoted=False))
            elif self._text[self._at] in ends:
                break
            else:
                self._part(parts, in_quotes=False)
        if self._at == start:  # a bracket where none belongs: take it, so that reading goes on
            self._at += 1
        return Word(_joined(parts), line)

    def _part(self, parts: list[Part], *, in_quotes: bool) -> None:
        text, at = self._text, self._at
        char = text[at]
        if char == "\\":
            self._at += 2
            following = text[at + 1 : at + 2]
            if in_quotes and following not in ("$", "`", '"', "\\", "\n"):
                parts.append(Text(char + following, quoted=True))
            elif following != "\n":
                parts.append(Text(following, quoted=True))
        elif char == "$":
            self._dollar(parts, in_quotes=in_quotes)
        elif char == "`":
            end = self._find("`", at + 1, "a backtick")
            self._at = end + 1
            parts.append(Substitution(text[at + 1 : end], in_quotes))
        elif char == '"' and not in_quotes:
            self._double_quoted(parts)
        elif char == "'" and not in_quotes:
            end = self._find("'", at + 1, "a single quote")
            self._at = end + 1
            parts.append(Text(text[at + 1 : end], quoted=True))
        else:
            self._at += 1
            parts.append(Text(char, in_quotes))

    def _double_quoted(self, parts: list[Part]) -> None:
        opened = self._at
        self._at += 1
        parts.append(Text("", quoted=True))
        while self._text[self._at : self._at + 1] != '"':
            if self._at >= len(self._text):
                raise ShellSyntaxError("a double quote is never closed", self._line(opened))
            self._part(parts, in_quotes=True)
        self._at += 1

    def _dollar(self, parts: list[Part], *, in_quotes: bool) -> None:
        line, rest = self._line(), self._text[self._at + 1 : self._at + 2]
        self._at += 1
        if rest == "(":
            parts.append(Substitution(self._enclosed("(", ")"), in_quotes))
        elif rest == "{":
            parts.append(self._braces(self._enclosed("{", "}"), line, in_quotes=in_quotes))
        elif rest in ("'", '"') and not in_quotes:
            pass  # $'...' and $"...": the quotes that follow are read as ordinary ones
        else:
            name = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]").match(self._text, self._at)
            if name:
                self._at = name.end()
            parts.append(Reference(name.group(), in_quotes) if name else Text("$", in_quotes))

    def _braces(self, source: str, line: int, *, in_quotes: bool) -> Reference:
        found = _BRACES.fullmatch(source)
        if not found:
            return Reference(source, in_quotes, "unknown")
        name, operator, rest = found.groups()
        if not operator:
            return Reference(name, in_quotes, "unknown" if rest else "")
        argument = _Lexer(rest, line, self._depth + 1).value(in_quotes=in_quotes)
        return Reference(name, in_quotes, operator, argument)

    def _enclosed(self, opening: str, closing: str) -> str:
        """Return what stands between the bracket here and its partner, and step behind it."""
        start, level, sink = self._at, 0, list[Part]()
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in "\\'\"`":
                self._part(sink, in_quotes=False)
                continue
            level += (char == opening) - (char == closing)
            self._at += 1
            if level == 0:
                return self._text[start + 1 : self._at - 1]
        raise ShellSyntaxError(f"a bracket {opening} is never closed", self._line(start))

    def _find(self, char: str, start: int, what: str) -> int:
        end = self._text.find(char, start)
        if end < 0:
            raise ShellSyntaxError(f"{what} is never closed", self._line(start - 1))
        return end


def _is_test(words: list[Word], before: bool) -> bool:
    last = words[-1].bare
    if last == "[[" and len(words) <= len(_TESTS):
        return all(word.bare in _TESTS for word in words[:-1])
    return before and last != "]]"


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Text) and isinstance(last, Text) and last.quoted == part.quoted:
            joined[-1] = Text(last.value + part.value, part.quoted)
        else:
            joined.append(part)
    return tuple(joined)
