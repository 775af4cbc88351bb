"""Locks on folders that several commands write into."""

import errno
from pathlib import Path

from filelock import AcquireReturnProxy, FileLock, Timeout

from loghi_runner.errors import EngineError

#: What file systems answer that know no locks, or have none left.
_NO_LOCKS = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL}

__all__ = ["FileLock", "Timeout", "take"]


def take(lock: FileLock, timeout_s: float = -1) -> AcquireReturnProxy[FileLock]:
    """Take the lock; a block around what is returned gives it back.

    Args:
        timeout_s: how long to wait for its owner; for ever by default.

    Raises:
        Timeout: somebody else has it.
        EngineError: nobody can have it: the file system has no locks.
        OSError: its file cannot be written.
    """
    try:
        return lock.acquire(timeout=timeout_s)
    except Timeout:
        raise
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        folder = Path(lock.lock_file).parent
        why = getattr(error, "strerror", None) or str(error)
        raise EngineError(
            "output.no_lock",
            f"the lock {lock.lock_file} cannot be had, and without it two commands could write into {folder} at once: "
            f"{why}",
            where=str(folder),
            hint="Its file system gives no locks, as some network shares: name a folder on another disk.",
        ) from error
