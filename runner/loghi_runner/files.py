"""Files: questions that always have an answer, be a folder closed or a link a loop; and one safe way to write."""

import errno
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO


def is_file(path: Path) -> bool:
    """Whether it is a file that can be seen from here."""
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises where a folder is closed or a name is too long


def is_folder(path: Path) -> bool:
    """Whether it is a folder that can be seen from here."""
    return os.path.isdir(path)  # noqa: PTH112  # as above


def is_there(path: Path) -> bool:
    """Whether anything of this name can be seen from here, be it a link to nothing."""
    return os.path.lexists(path)


def real_path(path: Path) -> Path:
    """All links resolved, as far as they lead somewhere."""
    return Path(os.path.realpath(path))  # Path.resolve raises at a loop of links


def file_sha256(*paths: Path) -> str:
    """The digest of the files' bytes, one after the other. Raises OSError."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def read_plain(path: Path, most_bytes: int) -> bytes:
    """The bytes of a file that another account may have put there: no link is followed, no pipe waited for.

    Raises:
        OSError: it is not there, it is no plain file, or it is longer than `most_bytes`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(path))
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it is longer than {most_bytes} bytes", str(path))
    return content


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading; what is no file, such as a pipe that nobody writes into, is not waited for.

    Raises:
        OSError: it is not there, or it is no plain file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    return os.fdopen(descriptor, "rb")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace `path` so that a reader sees the old content or the new one, also after a power cut. Texts are UTF-8."""
    # a name nobody knows, made by us: a link that somebody laid there would lead the text into another file
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
