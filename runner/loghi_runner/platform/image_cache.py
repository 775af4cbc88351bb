"""Page images that were fetched once, kept by where they came from and how large they were."""

import contextlib
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

#: An image nobody has used for so long is let go.
_KEPT_S = 30 * 24 * 3600


def default_cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "loghi-runner" / "images"


class ImageCache:
    """Shared by all pulls of one account on this machine. A cache that cannot be written is no matter."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def bring(self, url: str, size: int, target: Path, download: Callable[[Path], int]) -> bool:
        """Put the image at `target`; True when it had to be fetched.

        Args:
            size: its bytes, as the platform says; 0 where it does not, and then nothing is kept.
        """
        kept = self._folder / hashlib.sha256(f"{url}\n{size}".encode()).hexdigest()
        beside = target.with_name(f".{secrets.token_hex(8)}.part")
        if size and _size(kept) == size:
            with contextlib.suppress(OSError):
                _link(kept, beside)
                os.utime(kept)
                beside.replace(target)
                return False
        try:
            fetched = download(beside)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
        if size and fetched == size:
            with contextlib.suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _link(target, kept)
        return True

    def tidy(self) -> None:
        """Let go of what was not used for a month."""
        with contextlib.suppress(OSError):
            for file in self._folder.iterdir():
                if time.time() - file.stat().st_mtime > _KEPT_S:
                    file.unlink(missing_ok=True)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        # another file system
        shutil.copyfile(source, target)
