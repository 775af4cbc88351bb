"""Locks on files and folders, by `flock`: gone with the process that holds them, whatever ends it."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What file systems answer that know no such locks.
_UNKNOWN = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF)


class Locked(Exception):  # not an error: somebody else holds it
    """It is held by another process."""


class NoLocks(Exception):  # not an error by itself: it depends on what the lock was wanted for
    """The file system knows no locks."""


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock on a file or folder that is there.

    Args:
        shared: wait for it, and hold it together with others; else it is held alone, and never waited for.

    Raises:
        Locked: another process holds it.
        NoLocks: nobody can hold one here.
        OSError: the file cannot be opened.
    """
    descriptor = _opened(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Locked from error
        except OSError as error:
            if error.errno in _UNKNOWN:
                raise NoLocks from error
            raise
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    flags = os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, os.O_RDWR | flags)  # a network disk locks nothing that was opened for reading
    except (IsADirectoryError, PermissionError):
        return os.open(path, os.O_RDONLY | flags)
