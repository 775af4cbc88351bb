"""Follows a script from top to bottom: which variables it sets and how it calls main.py."""

import posixpath
import re
from pathlib import Path

from loghi_runner.upstream_script.call import read_call, read_options
from loghi_runner.upstream_script.carried import Note, Severity
from loghi_runner.upstream_script.conditions import decide
from loghi_runner.upstream_script.expand import Expander
from loghi_runner.upstream_script.frames import CLOSERS, MIDDLES, OPENERS, Frames
from loghi_runner.upstream_script.lexer import Command, Text, Word, read_commands
from loghi_runner.upstream_script.script import Call, Script, Setting
from loghi_runner.upstream_script.tables import VARIABLES
from loghi_runner.upstream_script.values import Reason, Value


def follow(text: str, script_dir: Path) -> Script:
    """Return what the script sets and calls; conditions are decided where their values are known.

    Raises:
        ShellSyntaxError: the text cannot be read as shell.
    """
    follower = _Follower(script_dir)
    for command in read_commands(text):
        follower.take(command)
    return follower.script()


class _Follower:
    def __init__(self, script_dir: Path) -> None:
        self._expander = Expander(script_dir)
        self._frames = Frames()
        self._function = False
        self._calls: list[tuple[bool | None, Call, dict[str, Setting], Value]] = []
        self._not_followed: list[tuple[str, int]] = []
        self._remarks: list[Note] = []

    def script(self) -> Script:
        training = [item for item in self._calls if "train_list" in item[1].options] or self._calls
        sure = [item for item in training if item[0]] or training
        if len(training) > 1:
            line = sure[-1][1].line
            self._remark(line, "main.py", f"The script trains more than once; the call on line {line} was read.")
        _, call, settings, folder = sure[-1] if sure else (None, None, self._expander.settings, self._expander.folder)
        unknowns, not_followed = self._expander.unknowns, tuple(self._not_followed)
        return Script(settings, call, folder, unknowns, not_followed, tuple(self._remarks))

    def take(self, command: Command) -> None:
        surely = command.after not in ("&&", "||", "|", "|&")
        if command.after == "(":
            self._frames.open("(", surely=False)
            self._function = False
        elif command.after == ")":
            self._frames.close(")")
        self._function = self._function or command.after == "()"
        words = self._block_words(list(command.words), surely=surely)
        if not words:
            return
        if self._frames.in_condition():
            self._frames.condition(self._decide(words) if surely else None)
            return
        running = self._frames.running()
        if running is False:
            self._expander.left_out |= {found[0] for word in words if (found := _assignment(word))}
            return
        self._plain(words, running if surely else None)

    def _block_words(self, words: list[Word], *, surely: bool) -> list[Word]:
        while words:
            bare = words[0].bare
            if bare == "function":
                self._function = True
                del words[:2]
                continue
            if bare in OPENERS:
                if bare == "for" and len(words) > 1 and words[1].bare:
                    self._set(words[1].bare, self._expander.unknowns.mark(Reason.CONDITION, "a loop"), words[1].line)
                self._frames.open(bare, surely=surely and not self._function)
                self._function = False
                if bare in ("for", "select", "case"):
                    return []
            elif bare in CLOSERS:
                self._frames.close(bare)
                return []
            elif bare in MIDDLES:
                if bare == "!":
                    return words
                self._frames.middle(bare)
            else:
                return words
            del words[0]
        return words

    def _decide(self, words: list[Word]) -> bool | None:
        values = [self._expander.expand(word) for word in words]
        return decide([value.text for value in values]) if all(map(self._expander.knows, values)) else None

    def _plain(self, words: list[Word], running: bool | None) -> None:
        if words[0].bare in ("export", "readonly", "declare", "typeset", "local"):
            words = [word for word in words[1:] if not (word.bare or "").startswith("-")]
        assignments: list[tuple[str, bool, Word]] = []
        while words and (found := _assignment(words[0])):
            assignments.append(found)
            del words[0]
        if not words:
            for name, append, word in assignments:
                self._assign(name, word, running, append=append)
        elif assignments and assignments[-1][0] in VARIABLES and not _is_program(words):
            self._assign_unquoted(assignments[-1], words, running)
        else:
            self._run(words, running)

    def _assign(self, name: str, word: Word, running: bool | None, *, append: bool = False) -> None:
        value = self._expander.expand(word)
        if running is None:
            self._not_followed.append((name, word.line))
            if name not in self._expander.settings:
                self._set(name, self._expander.unknowns.mark(Reason.CONDITION, f"${name}"), word.line)
            return
        before = self._expander.settings.get(name)
        self._set(name, before.value + value if append and before else value, word.line)

    def _assign_unquoted(self, assignment: tuple[str, bool, Word], words: list[Word], running: bool | None) -> None:
        name, _, first = assignment
        if running is None:
            self._not_followed.append((name, first.line))
            return
        value = self._expander.expand(first)
        for word in words:
            value = value + Value(" " if value.text else "") + self._expander.expand(word)
        self._set(name, value, first.line)
        self._remark(
            first.line,
            name,
            f"The value of {name} has spaces but no quotes, so bash stops at the first one; the whole of it was read.",
        )

    def _run(self, words: list[Word], running: bool | None) -> None:
        line, name = words[0].line, words[0].bare or ""
        values = [self._expander.expand(word) for word in words]
        if name in VARIABLES and len(values) > 1 and values[1].text.startswith("="):
            self._remark(
                line, name, f"Line {line} has spaces around the equals sign, so it does not set {name}: fill it in."
            )
        elif name == "cd" and len(values) == 2 and running:
            self._expander.folder = self._expander.resolve(values[1])
        elif name in ("source", "."):
            self._remark(line, name, f"Line {line} reads settings from another file; they were not seen.")
        elif name.startswith("--") and self._calls:
            self._remark(
                line,
                name.removeprefix("--").split("=")[0],
                f"The options from line {line} on are cut off from the call by the line above, so Loghi never saw "
                "them; they were read as if they belonged to it.",
            )
            options, remarks = read_options(words, self._expander)
            self._calls[-1][1].options.update(options)
            self._remarks += remarks
        elif name not in ("echo", "printf") and _calls_main(values):
            call, remarks = read_call(words, self._expander)
            self._calls.append((running, call, dict(self._expander.settings), self._expander.folder))
            self._remarks += remarks

    def _set(self, name: str, value: Value, line: int) -> None:
        self._expander.settings[name] = Setting(value, line)

    def _remark(self, line: int, variable: str, sentence: str) -> None:
        self._remarks.append(Note(Severity.CHECK, line, variable, sentence))


def _assignment(word: Word) -> tuple[str, bool, Word] | None:
    first = word.parts[0] if word.parts else None
    if not isinstance(first, Text) or first.quoted:
        return None
    found = _ASSIGNMENT.fullmatch(first.value)
    if not found:
        return None
    name, append, rest = found.groups()
    return name, bool(append), Word((Text(rest, quoted=False), *word.parts[1:]), word.line)


def _is_program(words: list[Word]) -> bool:
    return posixpath.basename(words[0].bare or "") in _PROGRAMS or any(
        (word.bare or "").endswith((".py", ".sh")) for word in words
    )


def _calls_main(values: list[Value]) -> bool:
    return any(_MAIN.search(value.text) for value in values)


_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=(.*)", re.DOTALL)
_MAIN = re.compile(r"(^|[/\s])main\.py(\s|$)")
_PROGRAMS = ("docker", "podman", "apptainer", "singularity", "python", "python3", "bash", "sh", "srun", "nohup", "env")
