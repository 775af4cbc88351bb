"""The rules of who may import whom; they keep the image free of the host and the host free of the frameworks."""

import ast
import sys
from collections.abc import Callable, Iterable

import pytest

from loghi_runner.engines import ENGINES, EngineKind
from tests.code_map import (
    LAYER_OF,
    MODULES,
    PACKAGES,
    imported_names,
    imports_of,
    modules_of,
    modules_of_names,
    package_of,
    top,
    tree_of,
    upward_imports,
)

FRAMEWORKS = {"keras", "tensorflow", "torch", "jax"}
#: The hardest rules of the field are here, to be tested in milliseconds.
WITHOUT_FRAMEWORK = ("charset", "lines", "scores", "reporter")


def modules_but(*packages: str) -> list[str]:
    """All modules outside of these packages or modules."""
    return [module for module in MODULES if not any(f"{module}.".startswith(f"{package}.") for package in packages)]


def offenders(modules: Iterable[str], is_wrong: Callable[[str], bool]) -> list[str]:
    return [f"{module} imports {name}" for module in modules for name in sorted(imports_of(module)) if is_wrong(name)]


def test_the_contract_needs_the_standard_library_only() -> None:
    allowed = sys.stdlib_module_names | {"loghi_contract"}
    assert not offenders(modules_of("loghi_contract"), lambda name: top(name) not in allowed)


def test_the_host_imports_neither_the_trainer_nor_a_framework() -> None:
    assert not offenders(modules_of("loghi_runner"), lambda name: top(name) in FRAMEWORKS | {"loghi_trainer"})


def test_the_trainer_imports_nothing_of_the_host() -> None:
    host = {"loghi_runner", "typer", "docker", "pydantic"}
    assert not offenders(modules_of("loghi_trainer"), lambda name: top(name) in host)


def test_the_plug_in_for_kraken_takes_the_cutting_and_nothing_else_of_the_host() -> None:
    def is_wrong(name: str) -> bool:
        other = top(name) == "loghi_runner" and not name.startswith("loghi_runner.cutting.")
        return other or top(name) == "tensorflow"

    assert not offenders(modules_of("loghi_kraken"), is_wrong)


def test_nobody_imports_the_plug_in_for_kraken() -> None:
    assert not offenders(modules_but("loghi_kraken"), lambda name: top(name) in {"loghi_kraken", "kraken"})


def test_docker_is_imported_by_its_engine_only() -> None:
    assert not offenders(modules_but("loghi_runner.engines.docker"), lambda name: top(name) == "docker")


def _asks_an_engine(node: ast.AST) -> bool:
    """Such as `engine.name == "local"`, `load_engine("docker")`, `EngineKind.LOCAL` or `cast(LocalEngine, engine)`."""
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "EngineKind":
        return node.attr != EngineKind.AUTO.name  # what a config begins with
    if isinstance(node, ast.Compare):
        names = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)} & ENGINES.keys()
        return bool(names) and "engine" in ast.unparse(node)
    if isinstance(node, ast.Call) and node.args:
        called, first = ast.unparse(node.func), node.args[0]
        if called == "load_engine":
            return isinstance(first, ast.Constant)
        return called in ("isinstance", "cast") and any(ast.unparse(each).endswith("Engine") for each in node.args)
    return False


def test_nobody_outside_the_engines_asks_which_engine_it_is() -> None:
    """So that one is added, or takes over a duty, without an edit anywhere else."""
    outside = [module for module in modules_of("loghi_runner") if package_of(module) != "engines"]
    places = {place.partition(":")[0] for it in ENGINES.values() for place in (it.engine, it.keys) if place}
    assert not offenders(outside, lambda name: any(f"{name}.".startswith(f"{place}.") for place in places))
    assert not [
        f"{module}, line {node.lineno}: {ast.unparse(node)}"
        for module in outside
        for node in ast.walk(tree_of(module))
        if _asks_an_engine(node) and isinstance(node, ast.expr)
    ]


def test_nobody_imports_the_command_line() -> None:
    assert not offenders(modules_but("loghi_runner.cli"), lambda name: name.startswith("loghi_runner.cli"))


def test_the_command_line_alone_imports_the_screen() -> None:
    outside = modules_but("loghi_runner.cli", "loghi_runner.terminal")
    assert not offenders(outside, lambda name: name.startswith("loghi_runner.terminal"))


def test_every_package_of_the_host_has_its_layer() -> None:
    assert {package_of(module) for module in modules_of("loghi_runner")} - {""} == LAYER_OF.keys()


def test_the_host_imports_downward_only() -> None:
    assert not upward_imports()


def test_our_own_modules_are_imported_at_the_top() -> None:
    inner = [
        (module, name)
        for module in MODULES
        for function in ast.walk(tree_of(module))
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for name in imported_names(function)
        if top(name) in PACKAGES
    ]
    assert not [
        f"{module} imports {name}"
        for module, name in inner
        # it guards its output and sets the environment before the frameworks may load
        if not (module == "loghi_trainer.__main__" and top(name) == "loghi_trainer")
        # a command imports what it does when it runs: `--help` is quick
        and not module.startswith("loghi_runner.cli.")
        # it chooses Keras's backend before Keras may load
        and not (module == "loghi_kraken.model" and name.startswith("loghi_kraken.reader"))
    ]


def _import_time(module: str) -> set[str]:
    """The names a module imports when it is loaded: outside functions and `if TYPE_CHECKING`."""
    names: set[str] = set()
    pending: list[ast.AST] = [tree_of(module)]
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
    return modules_of_names(_import_time(module)) - {module}


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
