"""Collects the config and the notes."""

from pathlib import Path

from loghi_runner.upstream_script.carried import CarriedOver, ConfigValue, Note, Severity
from loghi_runner.upstream_script.found import Found, find, problem_of, shorten
from loghi_runner.upstream_script.script import Script
from loghi_runner.upstream_script.values import Value


class Builder:
    """Every value goes in through `carry`, so that each has its note."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.config: dict[str, ConfigValue] = {}
        self._sections: dict[str, dict[str, ConfigValue]] = {}
        self._notes: list[Note] = list(script.remarks)

    def result(self) -> CarriedOver:
        return CarriedOver(self.config, tuple(sorted(self._notes, key=lambda note: note.line)))

    def put(self, key: str, value: ConfigValue) -> None:
        """Write a value at a key such as `data.train`."""
        section, _, name = key.rpartition(".")
        if not section:
            self.config[name] = value
            return
        place = self._sections.setdefault(section, {})
        self.config[section] = place
        place[name] = value

    def carry(self, key: str, value: ConfigValue, line: int, label: str) -> None:
        self.put(key, value)
        shown = ", ".join(value) if isinstance(value, list) else str(value)
        self._note(Severity.CARRIED, line, label, f"{label} became {key}: {shorten(shown)}", key)

    def carry_found(self, key: str, value: ConfigValue, found: Found) -> None:
        """Carry a value and say what it rests on besides the script's text."""
        self.carry(key, value, found.line, found.label)
        for assumed in found.value.assumed:
            self.check(found, _assumption(found.label, assumed), key)

    def check(self, found: Found, sentence: str, key: str | None = None) -> None:
        self._note(Severity.CHECK, found.line, found.label, sentence, key)

    def leave(self, found: Found, problem: str, hint: str, key: str | None = None) -> None:
        """Say that a value was not carried over, why, and what to do."""
        sentence = f"{found.label} was not carried over: {problem}. {hint}".rstrip()
        self._note(Severity.NOT_CARRIED, found.line, found.label, sentence, key)

    def usable(self, found: Found, key: str, hint: str, *, is_path: bool = False) -> bool:
        """Return whether the value can be used; if not, say why."""
        problem = problem_of(self.script, found, is_path=is_path)
        if problem:
            self.leave(found, problem, hint, key)
        return problem is None

    def look_up(self, variables: tuple[str, ...], option: str) -> Found | None:
        """Return what reaches main.py, and say where the script's variable and its call differ."""
        variable, found = find(self.script, variables), find(self.script, variables, option)
        call = self.script.call
        if variable and found and found.label != variable.label:
            self.check(variable, f"{variable.label} has no effect: the call says {found.label} {shorten(found.text)}.")
        elif variable and call and option not in call.options:
            sentence = f"The call on line {call.line} does not pass {variable.label} on; it was read all the same."
            self.check(variable, sentence)
        return found

    def path(self, text: str, found: Found, key: str) -> str | None:
        """Return a path as an absolute one; relative paths start where the script is."""
        if text.startswith("/"):
            return Path(text).as_posix()
        folder = self.script.folder
        problem = problem_of(self.script, Found(found.label, found.line, Value(folder.text)))
        if problem:
            self.leave(found, f"it is relative to a folder that is not known: {problem}", "", key)
            return None
        self.check(found, f"{found.label} is a relative path; it was read as starting from {folder.text}.", key)
        return Path(folder.text, text).as_posix()

    def _note(self, severity: Severity, line: int, variable: str, sentence: str, key: str | None) -> None:
        self._notes.append(Note(severity, line, variable, sentence, key))


def _assumption(label: str, assumed: str) -> str:
    if assumed == "pwd":
        return f"{label} starts at the folder the script is run from; the script's own folder was taken."
    if assumed.strip("$").isdigit():
        return f"{label} takes {assumed} if the script is started with it; the value without it was taken."
    if assumed in ("~", "$HOME", "$USER", "$LOGNAME"):
        return f"{label} uses {assumed}; your own was filled in."
    return f"{label} uses {assumed} if that is set outside the script; the script's own value was taken."
