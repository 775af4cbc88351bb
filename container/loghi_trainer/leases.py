"""The locks of the cards that this run was given: a share in each, for as long as this process lives."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from loghi_trainer.errors import DeviceError

#: Whoever looks whether a lock is held has it for a moment.
_PATIENCE_S = 5.0
_PAUSE_S = 0.05


def hold_leases(folder: Path) -> None:
    """Share every lock in the folder until this process ends: the kernel then frees the cards, whatever ended it.

    The host holds them until the trainer does. What cannot be locked here (a folder that the container may not read)
    the host goes on holding; a trainer that inherited its locks finds no folder.

    Raises:
        DeviceError: the host was ended before the trainer began, and another run has a card since.
    """
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        with suppress(PermissionError):
            _share(os.open(path, os.O_RDONLY | os.O_CLOEXEC), path)


def _share(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise DeviceError(
                    "device.lease_lost",
                    "another run has the graphics card that this one was given: its host was ended before it began",
                    where=str(path),
                    hint="Start it again; `loghi-runner gpus` shows who has which card.",
                ) from None
            time.sleep(_PAUSE_S)
        except OSError:  # a file system without locks
            return None
