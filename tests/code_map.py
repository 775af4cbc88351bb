"""The map of the code: its packages, the order in which they may import, and the size of what they are made of.

`make map` prints it for the host; the tests of who may import whom walk the same map.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
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

#: The packages of the host, the highest layer first: each may import from layers below its own, none beside it.
LAYERS = (
    {"cli", "__main__"},
    {"learning_curve", "web"},
    {"orders", "terminal"},
    {"compare", "doctor", "platform"},
    {"finetuning", "recognition"},
    {"init", "models"},
    {"ground_truth", "runs"},
    {"pages", "report", "upstream_script"},
    {"config", "cutting", "evaluation"},
    {"engines"},
)
#: Below them all: single modules that everything uses, and that use each other and no package.
COMMON = {
    "aliases", "clock", "errors", "files", "findings", "installed", "json_answer", "line_pages", "locks",
    "wording",
}  # fmt: skip
LAYER_OF = {package: len(LAYERS) - number for number, layer in enumerate(LAYERS) for package in layer}
LAYER_OF |= dict.fromkeys(COMMON, 0)


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Everything that is imported anywhere: inside functions and for types only, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            # `from package import module` may import the module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text())


@cache
def imports_of(module: str) -> frozenset[str]:
    return frozenset(imported_names(tree_of(module)))


def top(name: str) -> str:
    return name.partition(".")[0]


def modules_of(*packages: str) -> list[str]:
    return [module for module in MODULES if top(module) in packages]


def modules_of_names(names: Iterable[str]) -> set[str]:
    """The modules of ours in which these imported names are."""
    candidates = (next((name for name in (full, full.rpartition(".")[0]) if name in MODULES), "") for full in names)
    return set(candidates) - {""}


def package_of(module: str) -> str:
    """The host's package, or single module, that a dotted name is in: `run` of `loghi_runner.runs.look`, else ""."""
    return f"{module}.".split(".")[1]


def is_upward(package: str, imported: str) -> bool:
    if imported == package or {package, imported} <= COMMON:
        return False
    return LAYER_OF[imported] >= LAYER_OF[package]


def upward_imports() -> list[str]:
    """Each import of the host that does not run downward, as a sentence."""
    return [
        f"{module} imports {name}"
        for module in modules_of("loghi_runner")
        for name in sorted(imports_of(module))
        if top(name) == "loghi_runner" and package_of(name) in LAYER_OF
        if is_upward(package_of(module), package_of(name))
    ]


def _import_lines(module: str) -> int:
    nodes = (node for node in ast.walk(tree_of(module)) if isinstance(node, (ast.Import, ast.ImportFrom)))
    return sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in nodes)


def _print_map() -> None:
    lines = {module: MODULES[module].read_text().count("\n") for module in modules_of("loghi_runner")}
    importers = Counter(
        needed for module in MODULES for needed in modules_of_names(imports_of(module)) - {module} if needed in lines
    )
    total, largest = sum(lines.values()), max(lines, key=lambda module: lines[module])
    rows: dict[str, list[int]] = {}
    for module, length in lines.items():
        rows.setdefault(package_of(module) or "loghi_runner", []).append(length)
    layer_of = {"loghi_runner": 0} | LAYER_OF
    print(f"{'layer':>5}  {'package':16} {'modules':>7} {'lines':>6}")
    for package in sorted(rows, key=lambda package: (-layer_of[package], package)):
        print(f"{layer_of[package]:>5}  {package:16} {len(rows[package]):>7} {sum(rows[package]):>6}")
    alone = sum(importers[module] == 1 for module in lines if not MODULES[module].name.startswith("__"))
    print(
        f"modules {len(lines)}, lines {total}, median {median(lines.values()):.0f}, "
        f"largest {lines[largest]} ({largest})\n"
        f"lines of imports {100 * sum(map(_import_lines, lines)) / total:.1f} %, "
        f"upward imports {len(upward_imports())}, modules with one importer {alone}"
    )


if __name__ == "__main__":
    _print_map()
