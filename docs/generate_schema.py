"""Writes docs/config.schema.json, the config's JSON Schema for platforms' forms; `--check` exits 1 when it is stale."""

import json
import sys
from pathlib import Path

from generated_page import write_or_check

from loghi_runner.config.schema import RunConfig

PAGE = Path(__file__).parent / "config.schema.json"


def page() -> str:
    return json.dumps(RunConfig.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page, __doc__))
