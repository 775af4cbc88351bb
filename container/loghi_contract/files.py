"""Files that somebody else may have put there: opened only where they are plain files, and never waited for."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Final

#: No text, table, record or image is larger; one without end would be read for ever.
MOST_BYTES: Final = 1_000_000_000
_PIECE_BYTES = 1 << 20


def open_plain(path: Path, *, follow_links: bool = True) -> BufferedReader:
    """A plain file, opened for reading.

    A pipe would be waited for, a device read for ever; what is opened is asked, so nothing can change in between.

    Args:
        follow_links: whether the last part of the path may be a link; never, where another account writes.

    Raises:
        OSError: it is not there, may not be read, or is no plain file.
    """
    # O_NONBLOCK: a pipe that nobody writes into is opened at once, and has no effect on a plain file
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (0 if follow_links else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        # a socket cannot be opened, and "no such device" says nothing to its reader
        raise _not_plain(path) if error.errno in (errno.ENXIO, errno.ENODEV) else error from None
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise _not_plain(path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_plain(path: Path, most_bytes: int = MOST_BYTES, *, follow_links: bool = True) -> bytes:
    """The bytes of a plain file, see `open_plain`.

    Raises:
        OSError: as `open_plain`; or it is longer than `most_bytes`.
    """
    content = bytearray()
    with open_plain(path, follow_links=follow_links) as file:
        # piece by piece: its size can change, and a read of so many bytes would claim them all at once
        while piece := file.read(_PIECE_BYTES):
            content += piece
            if len(content) > most_bytes:
                size = f"{most_bytes // 1_000_000} MB" if most_bytes >= 1_000_000 else f"{most_bytes} bytes"
                raise OSError(errno.EFBIG, f"it is longer than {size}", str(path))
    return bytes(content)


def _not_plain(path: Path) -> OSError:
    return OSError(errno.EINVAL, "it is not a file", str(path))
