"""What is written is asked to reach the disk, as far as the file system knows that."""

import errno
import os
from pathlib import Path

#: What file systems answer that do not know the order, or not for folders: shares (Samba, FUSE, 9p), some clusters.
_NOT_KNOWN = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EISDIR}
#: A folder may be written into and still not be opened.
_NOT_FOR_FOLDERS = _NOT_KNOWN | {errno.EACCES, errno.EPERM}


def sync_file(descriptor: int) -> None:
    """Wait until a file is on the disk. Raises OSError where the disk could not take it."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_KNOWN:
            raise


def write_through(path: Path, data: bytes) -> None:
    """Write a file and wait until it is on the disk. Raises OSError."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        sync_file(file.fileno())


def write_whole(path: Path, text: str) -> None:
    """Put a text in place, whole or not at all. Raises OSError; then what was there stays, and nothing beside it."""
    beside = path.with_name(f".{path.name}")
    try:
        write_through(beside, text.encode())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk. Raises OSError where the disk could not take them."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NOT_FOR_FOLDERS:
            raise
