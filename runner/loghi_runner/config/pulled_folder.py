"""Where pulled pages lie: one folder a document and layer, in the output folder."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from loghi_runner.config.schema import PlatformConfig

#: In an output folder: pages pulled from platforms, a folder each.
PULLED = ".pulled"


def pulled_folder(output: Path, config: PlatformConfig) -> Path:
    """The pages to learn from."""
    address = urlsplit(config.url)
    place = _plain(address.netloc.rpartition("@")[2] + address.path)
    return output / PULLED / f"{place}-document-{config.document}-{_plain(config.layer)}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", text).strip("._")[:60] or "_"
