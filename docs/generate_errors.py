"""Writes docs/errors.md from the code; `--check` exits 1 when the page is stale.

Codes, messages and hints are read from the syntax trees of the three packages: wherever an error, a finding or a
warning is made with a code. What is put into a message at run time stands in braces.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from generated_page import write_or_check

from loghi_contract.exit_codes import MEANINGS, ExitCode
from loghi_runner.errors import RunnerError
from loghi_runner.findings import Finding, Severity
from loghi_trainer.errors import TrainerError

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).parent / "errors.md"
PACKAGES = (
    ROOT / "container" / "loghi_contract",
    ROOT / "container" / "loghi_trainer",
    ROOT / "runner" / "loghi_runner",
)

_HEAD = """\
# Errors and exit codes

<!-- Written by docs/generate_errors.py from the code; do not edit. -->

Every error says what is wrong, where, and what to do, and has a code that scripts can rely on: in `--json` output, in
`run.json` and in the `failed` event. On screen:

```
error: the config asks for 2 graphics cards, this machine has none
where: engine.gpus
fix: `loghi-runner doctor` lists the cards. To train on the CPU, write `gpus: none`.
```

A fault in loghi-runner itself is told in one sentence; its traceback goes to a file whose path is printed (`--debug`
shows it on screen too).

## Exit codes
"""

#: What the arguments of everything that carries a code mean, in their order; errors take (code, message).
_ARGUMENTS = {
    "Finding": ("severity", "code", "message", "where", "hint"),
    "RunFailure": ("code", "message", "exit_code", "hint", "where"),
    "Notice": ("code", "message", "hint"),
    "CrashMessage": ("code", "pattern", "message", "hint"),
    "ModelFolderError": ("code", "message", "hint"),
    "cannot_write": ("what", "error", "place", "where", "hint"),
    "Explanation": ("code", "pattern", "message", "hint"),
    "_unusable": ("code", "message", "hint"),
    "_warning": ("code", "message", "where", "hint"),
    "_error": ("code", "message", "where", "hint"),
}
_CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+|bug")
_EXIT_CODES = {
    "CrashMessage": ExitCode.ENGINE,
    "ModelFolderError": ExitCode.DATA,
    "Explanation": ExitCode.ENGINE,
    "_unusable": ExitCode.DATA,
}


@dataclass(frozen=True)
class Entry:
    """`exit_code` is None for a warning or a remark, which end nothing."""

    code: str
    message: str
    hint: str
    exit_code: int | None


def page() -> str:
    """The whole page."""
    parts = [_HEAD, "| code | name | meaning |", "|---|---|---|"]
    parts += [f"| {int(code)} | {code.name.lower()} | {meaning} |" for code, meaning in MEANINGS.items()]
    groups: dict[str, list[Entry]] = {}
    for entry in entries():
        groups.setdefault(entry.code.partition(".")[0], []).append(entry)
    for group in sorted(groups):
        parts += ["", f"## `{group}`", "", "| code | exit | message | what to do |", "|---|---|---|---|"]
        parts += [_row(entry) for entry in groups[group]]
    return "\n".join(parts) + "\n"


def entries() -> list[Entry]:
    """Every code with its messages, each combination once, in alphabetical order."""
    found = {entry for folder in PACKAGES for file in sorted(folder.rglob("*.py")) for entry in _entries_of(file)}
    return sorted(found, key=lambda entry: (entry.code, entry.message, entry.hint))


def _row(entry: Entry) -> str:
    exit_code = "–" if entry.exit_code is None else str(entry.exit_code)
    cells = (f"`{entry.code}`", exit_code, entry.message, entry.hint)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;") for cell in cells) + " |"


def _entries_of(file: Path) -> Iterator[Entry]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tree = _Constants(tree).visit(tree)
    scopes = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.Module))]
    seen: set[ast.Call] = set()
    # inner scopes first: a name is looked up where it is used
    for scope in reversed(scopes):
        for node in ast.walk(scope):
            if isinstance(node, ast.Call) and node not in seen:
                seen.add(node)
                entry = _entry(node, scope, file)
                if entry is not None:
                    yield entry


class _Constants(ast.NodeTransformer):
    """Puts a module's own constant texts where their names stand."""

    def __init__(self, tree: ast.Module) -> None:
        self._texts = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        }

    def visit_Name(self, node: ast.Name) -> ast.expr:
        is_read = isinstance(node.ctx, ast.Load) and node.id in self._texts
        return ast.copy_location(ast.Constant(self._texts[node.id]), node) if is_read else node


def _entry(call: ast.Call, scope: ast.AST, file: Path) -> Entry | None:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    arguments = _named(call, name)
    if name == "__init__":
        name = _class_around(call, file)
    if name == "cannot_write":
        message = f"{_text(arguments.get('what'), scope)} cannot be written: {{…}}"
        return Entry("output.cannot_write", message, _text(arguments.get("hint"), scope), int(ExitCode.ENGINE))
    if isinstance(scope, ast.FunctionDef) and scope.name == "cannot_write":
        return None  # its callers say what cannot be written
    if not (name in _ARGUMENTS or name.endswith("Error") or _class(name) is not None):
        return None
    code = _text(arguments.get("code"), scope)
    if not _CODE.fullmatch(code):
        return None
    message = _text(arguments.get("message"), scope)
    return Entry(code, message, _text(arguments.get("hint"), scope), _exit_code(name, code, arguments))


def _named(call: ast.Call, name: str) -> dict[str, ast.expr]:
    names = _ARGUMENTS.get(name, ("code", "message", "where", "hint"))
    named = dict(zip(names, call.args, strict=False))
    return named | {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def _class_around(call: ast.Call, file: Path) -> str:
    """The class whose __init__ holds this `super().__init__(...)`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    around = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.lineno <= call.lineno <= (node.end_lineno or 0)
    ]
    return around[-1] if around else ""


def _class(name: str) -> type[RunnerError] | type[TrainerError] | None:
    known: list[type[RunnerError] | type[TrainerError]] = [*_all_below(RunnerError), *_all_below(TrainerError)]
    return next((kind for kind in known if kind.__name__ == name), None)


def _all_below(kind: type) -> list[type]:
    return [kind, *(below for child in kind.__subclasses__() for below in _all_below(child))]


def _exit_code(name: str, code: str, arguments: dict[str, ast.expr]) -> int | None:
    if name in ("Notice", "_warning"):
        return None
    if name in ("Finding", "_error"):
        severity = ast.unparse(arguments["severity"]) if "severity" in arguments else "Severity.ERROR"
        if severity in ("Severity.WARNING", "Severity.INFO"):
            return None
        try:
            return int(Finding(Severity.ERROR, code, "").exit_code)
        except KeyError:
            return int(ExitCode.ENGINE)
    if "exit_code" in arguments:
        member = re.search(r"ExitCode\.(\w+)", ast.unparse(arguments["exit_code"]))
        return int(ExitCode[member.group(1)]) if member else None
    kind = _class(name)
    return int(kind.exit_code) if kind is not None else int(_EXIT_CODES.get(name, ExitCode.BUG))


def _text(node: ast.expr | None, scope: ast.AST) -> str:
    """A text as it is written; what is only known at run time stands in braces."""
    match node:
        case None | ast.Constant(value=None):
            return ""
        case ast.Constant(value=value):
            return str(value)
        case ast.JoinedStr(values=values):
            return "".join(_text(value, scope) for value in values)
        case ast.FormattedValue(value=value):
            return _in_braces(value, scope)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _text(left, scope) + _text(right, scope)
        case ast.IfExp(body=body, orelse=orelse):
            return " / ".join(part for part in (_text(body, scope), _text(orelse, scope)) if part)
        case ast.Name(id=name):
            return _assigned(node, scope) or f"{{{name}}}"
        case _:
            return _in_braces(node, scope)


def _in_braces(node: ast.expr, scope: ast.AST) -> str:
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.Name(id=name):
            constant = _assigned(node, scope) if name.isupper() or name.startswith("_") else ""
            return constant or f"{{{name}}}"
        case ast.Attribute(attr=name):
            return f"{{{name}}}"
        case ast.Call(func=ast.Name(id="pip_install"), args=[ast.Constant(value=extra)]):
            return f"pip install 'loghi_runner-….whl[{extra}]'"
        case ast.Call(func=ast.Name(id="len" | "str" | "repr"), args=[inner]):
            return _in_braces(inner, scope)
        case _:
            return "{…}"


def _assigned(name: ast.Name, scope: ast.AST) -> str:
    """The text that a name was given last before this line; "" when that is no text."""
    found: list[tuple[int, ast.expr]] = []
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and node.lineno < name.lineno:
            for target in node.targets:
                found += [(node.lineno, value) for value in _given(target, node.value, name.id)]
    nearest = max(found, key=lambda pair: pair[0], default=None)
    if nearest is None or not isinstance(nearest[1], (ast.Constant, ast.JoinedStr, ast.IfExp)):
        return ""
    return _text(nearest[1], scope)


def _given(target: ast.expr, value: ast.expr, name: str) -> list[ast.expr]:
    if isinstance(target, ast.Name) and target.id == name:
        return [value]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=False)
        return [given for inner, part in pairs for given in _given(inner, part, name)]
    return []


def main() -> int:
    # all error classes have to be loaded to be known
    for module in ("loghi_runner.config.load", "loghi_runner.web.problems"):
        import_module(module)
    return write_or_check(PAGE, page, __doc__)


if __name__ == "__main__":
    sys.exit(main())
