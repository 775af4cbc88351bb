"""Locks between commands: gone with the process that holds them, whatever ends it."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import AcquireReturnProxy, FileLock, Timeout

from loghi_runner.errors import EngineError

__all__ = ["FileLock", "Locked", "NoLocks", "Timeout", "hold", "locked", "take"]

#: What file systems answer that know no locks, or have none left.
_UNKNOWN = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EBADF}


class Locked(Exception):  # not an error: somebody else holds it
    """It is held by another process."""


class NoLocks(Exception):  # not an error by itself: it depends on what the lock was wanted for
    """The file system knows no locks."""


def take(lock: FileLock, timeout_s: float = -1) -> AcquireReturnProxy[FileLock]:
    """Take a lock that one command has for itself; a block around what is returned gives it back.

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
        if isinstance(error, OSError) and error.errno not in _UNKNOWN:
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


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock on a file or folder that is there, which several can share.

    Args:
        shared: wait for it, and hold it together with others; else it is held alone, and never waited for.

    Raises:
        Locked: another process holds it.
        NoLocks: nobody can hold one here.
        OSError: the file cannot be opened.
    """
    descriptor = _opened(path)
    try:
        _lock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def hold(path: Path) -> int:
    """A descriptor that holds the lock of a plain file alone; who has a copy of it holds it, too.

    It is never waited for, and is the lock of what the path names once it is held: a file that was replaced meanwhile
    says nothing any more.

    Raises:
        Locked: another process holds it.
        NoLocks: nobody can hold one here.
        OSError: there is no such file, or it is a link or no plain file.
    """
    while True:
        descriptor = _opened(path)
        try:
            held = os.fstat(descriptor)
            if not stat.S_ISREG(held.st_mode):
                raise OSError(errno.EINVAL, "it is no plain file", str(path))
            _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(held, path.lstat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, how: int) -> None:
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError as error:
        raise Locked from error
    except OSError as error:
        if error.errno in _UNKNOWN:
            raise NoLocks from error
        raise


def _opened(path: Path) -> int:
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, os.O_RDWR | flags)  # a network disk locks nothing that was opened for reading
    except (IsADirectoryError, PermissionError):
        return os.open(path, os.O_RDONLY | flags)
