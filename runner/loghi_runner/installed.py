"""Where this loghi-runner was installed from: what to type to get more of its packages. No index has it yet."""

import json
import shlex
from importlib import metadata
from pathlib import Path
from typing import Any  # JSON values have no narrower type
from urllib.parse import unquote, urlsplit

#: Where nobody knows it any more: a wheel that is gone, or a copy that no installer has made.
_SOME_WHEEL = "loghi_runner-VERSION-py3-none-any.whl"


def pip_install(extra: str) -> str:
    """The command that installs the packages of an extra, such as `serve`, beside this loghi-runner."""
    origin = _origin()
    place = _path(origin) or _SOME_WHEEL
    option = "--editable " if origin.get("dir_info", {}).get("editable") else ""
    return f"pip install {option}{shlex.quote(f'{place}[{extra}]')}"


def _origin() -> dict[str, Any]:
    """Source: PEP 610, direct_url.json."""
    try:
        value = json.loads(metadata.distribution("loghi-runner").read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _path(origin: dict[str, Any]) -> str | None:
    parts = urlsplit(str(origin.get("url", "")))
    path = Path(unquote(parts.path))
    return str(path) if parts.scheme == "file" and path.exists() else None
