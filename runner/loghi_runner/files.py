"""Files: questions that always have an answer, be a folder closed or a link a loop; and one safe way to write."""

import hashlib
import os
from pathlib import Path

from loghi_contract.files import open_plain


def is_file(path: Path) -> bool:
    """Whether it is a file that can be seen from here."""
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises where a folder is closed or a name is too long


def is_folder(path: "Path | os.DirEntry[str]") -> bool:
    """Whether it is a folder that can be seen from here; `DirEntry.is_dir` raises at a link to itself."""
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
        with open_plain(path) as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace `path` so that a reader sees the old content or the new one, also after a power cut. Texts are UTF-8."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
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
