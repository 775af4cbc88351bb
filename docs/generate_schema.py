"""Writes docs/config.schema.json, the config's JSON Schema for platforms' forms; `--check` exits 1 when it is stale."""

import json
import sys
from pathlib import Path

from loghi_runner.config import RunConfig

PAGE = Path(__file__).parent / "config.schema.json"


def page() -> str:
    return json.dumps(RunConfig.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        sys.exit(f"{PAGE.name} is stale: run {Path(__file__).name}")
