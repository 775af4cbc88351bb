"""What every generator of a page under docs/ does with its text: write it, or say that the page is stale."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def write_or_check(path: Path, page: Callable[[], str], description: str | None) -> int:
    """Write the page, or with `--check` write nothing and return 1 when it is not what `page` gives."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    is_check, text = parser.parse_args().check, page()
    if not is_check:
        path.write_text(text, encoding="utf-8")
        return 0
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{path.name} is stale: run python docs/{Path(sys.argv[0]).name}\n")
    return 1
