"""The rules of who may import whom; they keep the image free of the host and the host free of the frameworks."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "loghi_contract": ROOT / "container" / "loghi_contract",
    "loghi_trainer": ROOT / "container" / "loghi_trainer",
    "loghi_runner": ROOT / "runner" / "loghi_runner",
    "loghi_kraken": ROOT / "runner" / "loghi_kraken",
}
MODULES = {
    ".".join(file.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__"): file
    for folder in PACKAGES.values()
    for file in sorted(folder.rglob("*.py"))
}
FRAMEWORKS = {"keras", "tensorflow", "torch", "jax"}
#: The hardest rules of the field are here, to be tested in milliseconds.
WITHOUT_FRAMEWORK = ("charset", "lines", "scores", "reporter")


def imported_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            # `from package import module` may import the module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_of(module: str) -> set[str]:
    return set(imported_names(ast.parse(MODULES[module].read_text())))


def top(name: str) -> str:
    return name.partition(".")[0]


def modules_of(package: str) -> list[str]:
    return [module for module in MODULES if top(module) == package]


@pytest.mark.parametrize("module", modules_of("loghi_contract"))
def test_the_contract_needs_the_standard_library_only(module: str) -> None:
    allowed = sys.stdlib_module_names | {"loghi_contract"}
    assert {top(name) for name in imports_of(module)} <= allowed


@pytest.mark.parametrize("module", modules_of("loghi_runner"))
def test_the_host_imports_neither_the_trainer_nor_a_framework(module: str) -> None:
    assert not {top(name) for name in imports_of(module)} & (FRAMEWORKS | {"loghi_trainer"})


@pytest.mark.parametrize("module", modules_of("loghi_trainer"))
def test_the_trainer_imports_nothing_of_the_host(module: str) -> None:
    assert not {top(name) for name in imports_of(module)} & {"loghi_runner", "typer", "docker", "pydantic"}


@pytest.mark.parametrize("module", modules_of("loghi_kraken"))
def test_the_plug_in_for_kraken_takes_the_cutting_and_nothing_else_of_the_host(module: str) -> None:
    host = {name for name in imports_of(module) if top(name) == "loghi_runner"}
    assert all(name.startswith("loghi_runner.cutting.") for name in host)
    assert "tensorflow" not in {top(name) for name in imports_of(module)}


@pytest.mark.parametrize("module", [m for m in MODULES if top(m) != "loghi_kraken"])
def test_nobody_imports_the_plug_in_for_kraken(module: str) -> None:
    assert not {top(name) for name in imports_of(module)} & {"loghi_kraken", "kraken"}


@pytest.mark.parametrize("module", [m for m in MODULES if m != "loghi_runner.engines.docker"])
def test_docker_is_imported_by_its_engine_only(module: str) -> None:
    assert "docker" not in {top(name) for name in imports_of(module)}


@pytest.mark.parametrize("module", [m for m in MODULES if not m.startswith("loghi_runner.cli")])
def test_nobody_imports_the_command_line(module: str) -> None:
    assert not [name for name in imports_of(module) if name.startswith("loghi_runner.cli")]


@pytest.mark.parametrize("module", list(MODULES))
def test_our_own_modules_are_imported_at_the_top(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    inner = {name for function in functions for name in imported_names(function) if top(name) in PACKAGES}
    if module == "loghi_trainer.__main__":
        # it guards its output and sets the environment before the frameworks may load
        inner = {name for name in inner if top(name) != "loghi_trainer"}
    if module == "loghi_kraken.model":
        # it chooses Keras's backend before Keras may load
        inner = {name for name in inner if not name.startswith("loghi_kraken.reader")}
    assert not inner


def _import_time(module: str) -> set[str]:
    """The names a module imports when it is loaded: outside functions and `if TYPE_CHECKING`."""
    names: set[str] = set()
    pending: list[ast.AST] = [ast.parse(MODULES[module].read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(imported_names(node))
        pending += ast.iter_child_nodes(node)
    return names


def _own_imports(module: str) -> set[str]:
    found = set()
    for name in _import_time(module):
        for candidate in (name, name.rpartition(".")[0]):
            if candidate in MODULES and candidate != module:
                found.add(candidate)
                break
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: _own_imports(module) for module in MODULES}
    while leaves := {module for module, needs in graph.items() if not needs & graph.keys()}:
        graph = {module: needs for module, needs in graph.items() if module not in leaves}
    assert not graph, "these import each other"


@pytest.mark.parametrize("name", WITHOUT_FRAMEWORK)
def test_the_rules_of_texts_and_scores_load_no_framework(name: str) -> None:
    reached: set[str] = set()
    pending = [f"loghi_trainer.{name}"]
    while pending:
        module = pending.pop()
        if module not in reached:
            reached.add(module)
            pending += _own_imports(module)
    assert not {top(imported) for module in reached for imported in _import_time(module)} & FRAMEWORKS
