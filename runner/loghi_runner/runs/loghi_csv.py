"""Loghi's own numbers, so that results of both can be set side by side: validation.csv and test.csv."""

from collections.abc import Mapping
from pathlib import Path

from loghi_contract.counts import pool
from loghi_runner.files import write_atomically
from loghi_runner.runs.line_tables import read_line_table
from loghi_runner.evaluation.counts import LOGHI_COLUMNS, count

#: The file that Loghi writes of each split. Source: Loghi HTR 2.x; each has a header and one row.
FILES = {"val": "validation.csv", "test": "test.csv"}


def loghi_numbers(out: Path) -> dict[str, dict[str, float]]:
    """What the new model's files would say, by file name; without those splits that the run has no readings of.

    Args:
        out: the run's out folder.
    """
    found = {}
    for split, name in FILES.items():
        lines = read_line_table(out, split)
        if lines:
            found[name] = {
                column: pool(count(line.text, line.after, variant) for line in lines).cer
                for variant, column in LOGHI_COLUMNS.items()
            }
    return found


def write_loghi_csv(folder: Path, numbers: Mapping[str, Mapping[str, float]]) -> None:
    """Write each file. Raises OSError."""
    for name, row in numbers.items():
        write_atomically(folder / name, ",".join(row) + "\n" + ",".join(map(repr, row.values())) + "\n")
