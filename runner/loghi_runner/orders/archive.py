"""A zip of a folder that is the same byte for byte each time it is written, so that a broken download can go on."""

import hashlib
import zipfile
from pathlib import Path

from loghi_runner.files import whole_file
from loghi_runner.orders.orders import ArchiveFile

# the earliest a zip can hold: when the archive was written says nothing about its content
_TIME = (1980, 1, 1, 0, 0, 0)
_BLOCK = 1 << 20


def write_archive(folder: Path, archive: Path, inside: str) -> ArchiveFile:
    """Write the folder's visible files below the name `inside`. Raises OSError.

    Nothing is compressed: models are already.
    """
    with whole_file(archive) as written:
        with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as target:
            for path in sorted(path for path in folder.rglob("*") if _is_visible(path, folder)):
                entry = zipfile.ZipInfo(f"{inside}/{path.relative_to(folder).as_posix()}", _TIME)
                entry.external_attr = 0o644 << 16
                with path.open("rb") as source, target.open(entry, "w", force_zip64=True) as member:
                    while block := source.read(_BLOCK):
                        member.write(block)
        size = written.seek(0, 2)
        written.seek(0)
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    return ArchiveFile(sha256=digest, bytes=size)


def _is_visible(path: Path, folder: Path) -> bool:
    """Whether it is a plain file, in no place that begins with a dot: what is half-written does."""
    is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.is_file() and not path.is_symlink() and not is_hidden
