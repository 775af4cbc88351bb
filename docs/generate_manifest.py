"""Writes plugin_manifest.yaml from the code; `--check` exits 1 when it is stale."""

import sys
from pathlib import Path

from generated_page import write_or_check

from loghi_runner.web.manifest import make_manifest, manifest_yaml

FILE = Path(__file__).parents[1] / "plugin_manifest.yaml"


def page() -> str:
    """The whole file."""
    return manifest_yaml(make_manifest())


if __name__ == "__main__":
    sys.exit(write_or_check(FILE, page, __doc__))
