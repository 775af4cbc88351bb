"""Follows a script from top to bottom without running it: which variables it sets and how it calls main.py."""

import operator
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from loghi_runner.errors import UsageError
from loghi_runner.upstream_script.shell import Setting, Shell, ShellSyntaxError, Word, read_commands, shorten
from loghi_runner.upstream_script.tables import FLAGS, LIST_OPTIONS, VARIABLES, full_name

_LONGEST_SCRIPT = 200_000


@dataclass(frozen=True)
class Script:
    """What holds where a script calls main.py; at its end, without a line and options, where it never does.

    `launcher` are the known words before main.py. A call that is not `is_sure` may be one that no shell comes to.
    """

    shell: Shell
    settings: dict[str, Setting]
    folder: str
    remarks: list[tuple[Setting, str]]
    line: int | None = None
    launcher: tuple[str, ...] = ()
    options: dict[str, Setting] = field(default_factory=dict)
    is_sure: bool = False


def read_script(text: str, script_dir: Path) -> Script:
    """Return what a script sets and calls. Raises UsageError: not a shell script, or its quotes do not close."""
    text = text.removeprefix("\ufeff")
    _refuse_other_files(text)
    follower = _Follower(script_dir)
    if "\r" in text:
        sentence = "The script has Windows line endings: bash cannot run it like this, but its values were read."
        follower.remark(1, "line endings", sentence)
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        for after, words in read_commands(text):
            follower.take(after, words)
    except ShellSyntaxError as error:
        problem, at = error.args
        message = f"the script cannot be read as shell: {problem}"
        where = "line " + str(text.count("\n", 0, at) + 1)
        hint = "Check the quotes and brackets from that line on; bash -n shows where bash stumbles."
        raise UsageError("init.unreadable_script", message, where=where, hint=hint) from error
    return follower.script()


def _refuse_other_files(text: str) -> None:
    hint = "Give the edited finetune.sh or htr-train-pipeline.sh."
    if text.lstrip().startswith("<"):
        problem, hint = "it is a web page", "Download the script itself (on GitHub: the button Raw)."
    elif not text.strip():
        problem = "it is empty"
    elif "\0" in text or len(text) > _LONGEST_SCRIPT:
        problem = "it is not text, or far too long"
    elif text.startswith("#!") and not re.match(r"#!.*sh\b", text):
        problem = "its first line names another program"
    else:
        return
    raise UsageError("init.not_a_shell_script", f"the file is not a shell script: {problem}", hint=hint)


#: Whether something holds: `min` says whether both do, `max` whether one does, and 1 less whether it does not.
_NO, _PERHAPS, _YES = 0.0, 0.5, 1.0  # only a shell can tell what is perhaps


@dataclass
class _Block:
    """An open `if`, loop, function or subshell."""

    closer: str
    is_entered: float
    was_entered: float = _NO  # an earlier branch of the same `if`
    conditions: list[float] | None = None  # those between `if` and `then`, None elsewhere

    def turn(self, word: str) -> None:
        """Go on to what `then`, `elif` or `else` begins."""
        if word == "then":
            holds = self.conditions[0] if self.conditions and len(self.conditions) == 1 else _PERHAPS
            self.is_entered, self.was_entered = min(holds, 1 - self.was_entered), max(holds, self.was_entered)
        else:
            self.is_entered = _YES if word == "elif" else 1 - self.was_entered
        self.conditions = [] if word == "elif" else None


class _Follower:
    def __init__(self, script_dir: Path) -> None:
        self._shell = Shell(script_dir)
        self._blocks: list[_Block] = []
        self._begins_function = False
        self._calls: list[Script] = []
        self._remarks: list[tuple[Setting, str]] = []

    def remark(self, line: int, label: str, sentence: str) -> None:
        self._remarks.append((Setting(label, line), sentence))

    def script(self) -> Script:
        training = [call for call in self._calls if "train_list" in call.options] or self._calls
        call = ([call for call in training if call.is_sure] or training or [self._state()])[-1]
        if len(training) > 1:
            self.remark(call.line or 0, "main.py", f"It trains more than once; the call on line {call.line} was read.")
        return call

    def _state(self) -> Script:
        return Script(self._shell, dict(self._shell.settings), self._shell.folder, self._remarks)

    def take(self, after: str, words: list[Word]) -> None:
        """Follow a command that stands after an operator."""
        sure = _PERHAPS if after in ("&&", "||", "|", "|&") else _YES
        self._begins_function = self._begins_function or (after.startswith("(") and after != "(")
        words = self._behind_keywords([Word(after, 0), *words] if after in ("(", ")") else words, sure)
        is_running = min([sure, *(block.is_entered for block in self._blocks)])
        if not words:
            return
        if self._blocks and (conditions := self._blocks[-1].conditions) is not None:
            texts = list(map(self._shell.expand, words)) if sure == _YES else []
            is_known = 0 < len(texts) <= _LONGEST_TEST and not self._shell.problem_in("".join(texts))
            conditions.append(_succeeds(texts) if is_known else _PERHAPS)
        elif is_running == _NO:
            self._shell.left_out |= {found[0] for word in words if (found := _assignment(word))}
        else:
            self._command(words, is_running)

    def _behind_keywords(self, words: list[Word], sure: float) -> list[Word]:
        """Return the words behind `if`, `do` and their kin, with the blocks opened and closed."""
        while words:
            word, last = words[0].source, self._blocks[-1] if self._blocks else None
            if word in _CLOSER_OF:
                is_entered = word == "if" or (word == "{" and sure == _YES and not self._begins_function)
                conditions: list[float] | None = [] if word == "if" else None
                self._blocks.append(_Block(_CLOSER_OF[word], _YES if is_entered else _PERHAPS, conditions=conditions))
                self._begins_function = False
                if word in ("for", "select") and words[1:]:
                    self._undecide(words[1].source, words[1].line)
                if word in ("for", "select", "case"):
                    return []
            elif last and last.closer == word:
                self._blocks.pop()
            elif last and last.closer == "fi" and word in ("then", "elif", "else"):
                last.turn(word)
            elif word not in _OTHER_KEYWORDS:
                break
            self._begins_function = self._begins_function or word == "function"
            words = words[2 if word == "function" else 1 :]
        return words

    def _undecide(self, name: str, line: int) -> None:
        value = self._shell.unknown(f"it depends on ${name}, which is set in a loop or under a condition")
        self._shell.settings[name] = Setting(name, line, value)

    def _command(self, words: list[Word], is_running: float) -> None:
        if words[0].source in ("export", "readonly", "declare", "typeset", "local"):
            words = [word for word in words[1:] if not word.source.startswith("-")]
        assignments: list[tuple[str, Word]] = []
        while words and (found := _assignment(words[0])):
            assignments.append(found)
            del words[0]
        is_program = any(_PROGRAM.search(word.source) for word in words)
        if not words:
            for name, value in assignments:
                self._assign(name, value, is_running)
        elif assignments and assignments[-1][0] in VARIABLES and not is_program:
            name, value = assignments[-1]
            source = " ".join(word.source for word in (value, *words)).strip()
            self._assign(name, Word(source, value.line), is_running)
            if is_running == _YES:
                sentence = f"The value of {name} has spaces but no quotes, so bash stops at the first one; "
                self.remark(value.line, name, sentence + "the whole of it was read.")
        else:
            self._run(words, is_running)

    def _assign(self, name: str, word: Word, is_running: float) -> None:
        if is_running == _YES:
            self._shell.set(name, self._shell.expand(word))
            return
        if name in VARIABLES:
            self.remark(word.line, name, f"Line {word.line} sets {name} only under a condition: it was not followed.")
        if name not in self._shell.settings:
            self._undecide(name, word.line)

    def _run(self, words: list[Word], is_running: float) -> None:
        line, name = words[0].line, words[0].source
        values = [self._shell.expand(word) for word in words]
        if name in VARIABLES and values[1:] and values[1].startswith("="):
            self.remark(line, name, f"Line {line} has spaces around its =, so it does not set {name}: fill it in.")
        elif name == "cd" and len(values) == 2 and is_running == _YES:
            self._shell.folder = self._shell.resolve(values[1])
        elif name in ("source", "."):
            self.remark(line, name, f"Line {line} reads settings from another file; they were not seen.")
        elif name.startswith("--") and self._calls:
            sentence = f"The options from line {line} on are cut off from the call by the line above, so Loghi never "
            sentence += "saw them; they were read as if they belonged to it."
            self.remark(line, name[2:].split("=")[0], sentence)
            self._calls[-1].options.update(self._options(list(self._arguments(words))))
        elif name not in ("echo", "printf") and any(_MAIN.search(value) for value in values):
            arguments = list(self._arguments(words))
            texts = [argument.value for argument in arguments]
            start = next((place for place, text in enumerate(texts) if re.search(r"(^|/)main\.py$", text)), -1)
            launcher = tuple(text for text in texts[:start] if not self._shell.problem_in(text))
            options, is_sure = self._options(arguments[start + 1 :]), is_running == _YES
            self._calls.append(replace(self._state(), line=line, launcher=launcher, options=options, is_sure=is_sure))

    def _arguments(self, words: list[Word]) -> Iterator[Setting]:
        """Yield what the program is given, each labelled with the word that it is in."""
        for word in words:
            value = self._shell.expand(word)
            is_line = re.search(r"main\.py\s", value)  # bash -c "... main.py --option ..."
            argument = Setting("main.py" if is_line else word.source, word.line, value, self._shell.assumed)
            if is_line or re.match(r"\s*--", value):
                yield from (replace(argument, value=text) for text in _split(value))
            elif value.strip() or not _variable(word.source):
                yield argument

    def _options(self, arguments: list[Setting]) -> dict[str, Setting]:
        """Return the options, each where a reader finds it: at the variable it came from, or in the call."""
        options: dict[str, Setting] = {}
        name, is_waiting = "", False
        for argument in arguments:
            variable, value = _variable(argument.label), argument.value
            if value.startswith("--"):
                written, equals, value = value[2:].partition("=")
                name, is_waiting = full_name(written), not equals
            elif is_waiting and name not in FLAGS:
                is_waiting = False
            elif name in LIST_OPTIONS and not self._shell.problem_in(value):
                variable, value = None, f"{options[name].value} {value}"
            else:
                if self._shell.problem_in(value):
                    sentence = f"The options in {shorten(argument.label)} cannot be known without running the script."
                    self.remark(argument.line, variable or argument.label, sentence)
                continue
            place = self._shell.settings.get(variable or "", Setting(f"--{name}", argument.line))
            options[name] = replace(place, value=value, assumed=argument.assumed)
        return options


def _variable(source: str) -> str | None:
    """Return the variable that is all of a word: `$name`, `"${name}"`."""
    found = re.fullmatch(r'"?\$(?:(\w+|[@*])|\{(\w+)[^}]*\})"?', source)
    return found[1] or found[2] if found else None


def _assignment(word: Word) -> tuple[str, Word] | None:
    found = _ASSIGNMENT.fullmatch(word.source)
    # name+=more is name=${name-}more
    return (found[1], Word(found[3] if not found[2] else f"${{{found[1]}-}}{found[3]}", word.line)) if found else None


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _succeeds(words: list[str]) -> float:
    """Return whether a command succeeds, all words of it known: perhaps, if it is not one of the simple tests."""
    match words:
        case ["!", *rest]:
            return 1 - _succeeds(rest)
        case ["true" | "false" | ":" as name, *_]:
            return name != "false"
        case ["[[", *test, "]]"] | ["[", *test, "]"]:
            return _succeeds(["test", *test])
        case ["test", "!", *test]:
            return 1 - _succeeds(["test", *test])
        case ["test", "-z" | "-n" as sign, text]:
            return (text == "") == (sign == "-z")
        case ["test", left, "=" | "==" | "!=" as sign, right] if not re.search(r"[*?\[]", right):
            return (left == right) == (sign != "!=")
        case ["test", left, sign, right] if _COMPARISON.fullmatch(f"{left} {sign} {right}"):
            return bool(getattr(operator, sign[1:])(int(left), int(right)))
    return _PERHAPS


_COMPARISON = re.compile(r"-?\d{1,18} -(eq|ne|gt|ge|lt|le) -?\d{1,18}")
_LONGEST_TEST = 20
_CLOSER_OF = {"if": "fi", "case": "esac", "{": "}", "(": ")"}
_CLOSER_OF |= dict.fromkeys(("for", "select", "while", "until"), "done")
_OTHER_KEYWORDS = {"then", "elif", "else", "do", "time", "function", *_CLOSER_OF.values()}
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=(.*)", re.DOTALL)
_MAIN = re.compile(r"(^|[/\s])main\.py(\s|$)")
_PROGRAM = re.compile(r"(^|/)(docker|podman|apptainer|singularity|python3?|bash|sh|srun|nohup|env)$|\.(py|sh)$")
