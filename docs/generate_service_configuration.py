"""Writes docs/service-configuration.md from the schema of service.yaml; `--check` exits 1 when the page is stale."""

import sys
from pathlib import Path

from generate_configuration import table
from generated_page import write_or_check

from loghi_runner.engines.setting import EngineConfig
from loghi_runner.orders.config import Client, Limits, PlatformConfig, Roots, ServiceConfig

PAGE = Path(__file__).parent / "service-configuration.md"

_HEAD = """\
# service.yaml

<!-- Written by docs/generate_service_configuration.py from the schema; do not edit. -->

What the operator of `loghi-runner serve` decides, and no request changes. All problems of the file are told at once,
with their lines. Paths are relative to the file's own folder. How to install the service: [service.md](service.md).
"""

_SECTIONS = (
    ("`roots`", Roots, ("roots",)),
    ("each of `clients`", Client, ("clients", "")),
    ("`limits`", Limits, ("limits",)),
    ("each of `platforms`", PlatformConfig, ("platforms", "NAME")),
)


def page() -> str:
    """The whole page."""
    parts = [_HEAD, table("Top level", ServiceConfig, ())]
    parts += [table(title, section, path).replace("clients..", "clients[].") for title, section, path in _SECTIONS]
    keys = ", ".join(f"`{name}`" for name in EngineConfig.model_fields)
    parts.append(f"## `engine`\n\nThe keys of [a run's config](configuration.md): {keys}.\n")
    return "\n".join(parts)


def main() -> int:
    return write_or_check(PAGE, page, __doc__)


if __name__ == "__main__":
    sys.exit(main())
