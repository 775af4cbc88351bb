"""No module outgrows what one can read in one go."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("runner", "container", "tests", "docs", "benchmarks")


def test_no_module_is_longer_than_400_lines() -> None:
    modules = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    lengths = {str(file.relative_to(ROOT)): file.read_text().count("\n") for file in modules}
    assert lengths
    assert not {name: lines for name, lines in lengths.items() if lines > 400}, "split them: one module, one job"
