"""What an order names, looked up below the operator's folders: when it is placed, and again when it is carried out."""

import contextlib
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.model_folder import MODEL_FILE
from loghi_runner.errors import UsageError
from loghi_runner.files import is_file, real_path
from loghi_runner.orders.config import PlatformConfig, ServiceConfig
from loghi_runner.orders.confine import Shelf
from loghi_runner.orders.orders import OrderFolder
from loghi_runner.orders.state import ORDERS
from loghi_runner.platform.base import Platform, PlatformConnection, open_platform

_TIMEOUT_S = 60.0


class Lookup:
    """`pages` and `base_models` are the operator's folders of these."""

    def __init__(self, config: ServiceConfig) -> None:
        self.config = config
        self.pages = Shelf(config.roots.pages or (), never=config.state)
        self.base_models = Shelf(config.roots.base_models or (), never=config.state)

    def find_pages(self, place: str) -> Path:
        """Raises RunnerError where there are none, or where something in them leads elsewhere."""
        found = self.pages.find(place)
        self.pages.require_confined(found)
        return found

    def find_model(self, name: str, user: str) -> Path:
        """A base model by its place, or the model of one of the user's own orders by its id.

        Raises:
            RunnerError: there is none.
        """
        folder = OrderFolder(self.config.state / ORDERS / name)
        if "/" not in name and folder.path.is_dir():
            run = folder.run()
            with contextlib.suppress(OSError, ValueError):  # a damaged order is nobody's
                if folder.read_order().user == user and run is not None and is_file(run.best_val / MODEL_FILE):
                    return run.best_val
        return self.find_base_model(name)

    def find_base_model(self, place: str) -> Path:
        """Raises RunnerError where there is none, or where it is made of links that lead elsewhere."""
        found = self.base_models.find(place)
        self.base_models.require_confined(found)
        return found

    def platform(self, name: str) -> PlatformConfig:
        platform = self.config.platforms.get(name)
        if platform is None:
            raise UsageError(
                "request.no_such_platform",
                f"the service knows no platform {name}",
                where="source.platform",
                hint="GET api/v1/sources lists the platforms.",
            )
        return platform

    def connect(self, name: str, token: str | None, timeout_s: float = _TIMEOUT_S) -> Platform:
        """The platform of that name, as the token's account sees it; nothing is asked yet. Raises UsageError."""
        entry = self.platform(name)
        if token is None:
            raise UsageError("platform.no_token", "the platform asks for a token, and there is none")
        return open_platform(PlatformConnection(entry.kind, entry.url, timeout_s=timeout_s), token)

    def without_places(self, value: Any) -> Any:
        """A JSON value whose texts name no folder of this machine: whoever ordered sees places as they named them."""
        if isinstance(value, dict):
            return {key: self.without_places(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.without_places(item) for item in value]
        if not isinstance(value, str):
            return value
        for folder in (self.config.state, *self.pages.roots, *self.base_models.roots):
            for path in (folder, real_path(folder)):
                value = value.replace(f"{path}/", "").replace(str(path), path.name)
        return value


def platform_id(text: str) -> int:
    """An id of a request as the platform has it. Raises UsageError where it is no number."""
    if not text.isascii() or not text.isdigit():
        raise UsageError("request.no_such_id", f"the platform's ids are whole numbers, not {text[:40]!r}")
    return int(text)
