"""What an order names, looked up below the operator's folders: when it is placed, and again when it is carried out.

Whatever links and `..` say, it lies in these folders.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.model_folder import MODEL_FILE
from loghi_runner.errors import DataError, UsageError
from loghi_runner.files import is_file, is_folder, real_path
from loghi_runner.orders.config import PlatformConfig, ServiceConfig
from loghi_runner.orders.orders import OrderFolder
from loghi_runner.orders.state import ORDERS
from loghi_runner.platform.base import Platform, PlatformConnection, open_platform

_MAX_DEPTH = 4
_XML_FOLDERS = ("page", "alto")
_MAX_LISTED = 2000
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Shelf:
    """Folders whose content may be named; `never` is one of our own that may lie among them."""

    roots: tuple[Path, ...]
    never: Path | None = None

    def find(self, place: str) -> Path:
        """The folder of that place below one of the roots, all links resolved.

        Raises:
            UsageError: there is none, or it leads out of the roots. Which of the two is not told.
        """
        parts = place.split("/")
        if "\0" not in place and not any(part in ("", ".", "..") for part in parts):
            for root in self.roots:
                found = real_path(root.joinpath(*parts))
                if self.has(found) and is_folder(found):
                    return found
        raise UsageError(
            "request.no_such_place",
            "the service has no folder of that name",
            where=place[:200],
            hint="GET api/v1/sources lists the folders that can be named.",
        )

    def require_confined(self, folder: Path) -> None:
        """All in the folder are files and folders, or links to such that stay in the roots.

        Raises:
            DataError: something is not, or the folder cannot be looked into.
        """
        for entry in _entries(folder):
            if _is_odd(Path(entry.path)):
                raise DataError(
                    "request.odd_file",
                    f"{entry.name} is neither a file nor a folder (a pipe, a device, or a link to itself)",
                    where=str(Path(entry.path).relative_to(folder)),
                    hint="Remove it.",
                )
            if entry.is_symlink() and not self.has(real_path(Path(entry.path))):
                raise DataError(
                    "request.link_outside",
                    f"{entry.name} is a link that leads out of the service's folders",
                    where=str(Path(entry.path).relative_to(folder)),
                    hint="Put the file itself there, or let the operator add its folder to `roots`.",
                )

    def has(self, path: Path) -> bool:
        """Whether a resolved path lies in one of the roots."""
        if self.never is not None and path.is_relative_to(real_path(self.never)):
            return False
        return any(path.is_relative_to(real_path(root)) for root in self.roots)

    def models(self) -> list[str]:
        """Places of folders that hold a model."""
        return self._places(lambda folder: is_file(folder / MODEL_FILE))

    def page_folders(self) -> list[str]:
        """Places of folders that hold page XML."""
        return self._places(_has_xml)

    def _places(self, is_wanted: Callable[[Path], bool]) -> list[str]:
        found: dict[str, None] = {}
        for root in self.roots:
            for folder in self._below(root, _MAX_DEPTH):
                if is_wanted(folder):
                    found.setdefault(folder.relative_to(root).as_posix())
                if len(found) >= _MAX_LISTED:
                    return sorted(found)
        return sorted(found)

    def _below(self, folder: Path, depth: int) -> Iterator[Path]:
        try:
            with os.scandir(folder) as entries:
                inner = sorted(entry.path for entry in entries if not entry.name.startswith(".") and is_folder(entry))
        except OSError:
            return
        for path in map(Path, inner):
            if not self.has(real_path(path)):
                continue
            yield path
            if depth > 1 and not path.is_symlink():
                yield from self._below(path, depth - 1)


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
        """A base model by its place, or the model of a user's own order by its id. Raises RunnerError."""
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


def _has_xml(folder: Path) -> bool:
    if folder.name in _XML_FOLDERS:
        return False  # the images are beside it: the folder around it is the one to name
    for place in (folder, *(folder / name for name in _XML_FOLDERS)):
        try:
            with os.scandir(place) as entries:
                if any(entry.name.lower().endswith(".xml") for entry in entries):
                    return True
        except OSError:
            continue
    return False


def _is_odd(path: Path) -> bool:
    """Whether it is something that may be waited for; a link to nothing is not, and may be a page still missing."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return error.errno == errno.ELOOP
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError as error:
        raise DataError(
            "request.closed_folder",
            f"a folder of pages cannot be looked into: {error.strerror or error}",
            where=folder.name,
        ) from error
    for entry in found:
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry.path))
