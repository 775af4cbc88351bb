"""No module outgrows what one can read in one go."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    file for folder in ("runner", "container", "tests", "docs", "benchmarks") for file in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("module", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_has_at_most_400_lines(module: Path) -> None:
    lines = module.read_text().count("\n")
    assert lines <= 400, "split it: one module, one job"
