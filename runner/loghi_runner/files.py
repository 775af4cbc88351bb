"""Files: questions that always have an answer, be a folder closed or a link a loop; and one safe way to write."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedRandom
from pathlib import Path, PurePath

from loghi_contract.files import open_plain
from loghi_contract.storage import sync_file, sync_folder
from loghi_runner.errors import EngineError


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


def plain_path(path: Path) -> Path:
    """The whole path, without `..` where that is the same place; behind a link to a folder it is another."""
    plain = Path(os.path.normpath(path.absolute()))
    return plain if real_path(plain) == real_path(path) else path.absolute()


def file_sha256(*paths: Path) -> str:
    """The digest of the files' bytes, one after the other. Raises OSError."""
    digest = hashlib.sha256()
    for path in paths:
        with open_plain(path) as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def cache_folder() -> Path:
    """Where this account keeps what can be had again; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "loghi-runner"


@contextmanager
def whole_file(path: Path, mode: int = 0o666) -> Iterator[BufferedRandom]:
    """A file beside `path`, which becomes `path` when the block ends well, and is gone when it does not.

    A reader sees the old content or the new one, also after a power cut. The file beside has a name that nobody can
    have laid a link at; `mode` is taken under the umask.
    """
    beside = path.with_name(f".{secrets.token_hex(8)}.new")
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            sync_file(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace `path` by this content, as `whole_file` does. Texts are UTF-8; see `as_utf8`."""
    write_together({path: content})


def write_together(files: Mapping[Path, str | bytes]) -> None:
    """Replace several files, each as `whole_file` does, and none where the disk does not take all of them."""
    with ExitStack() as together:
        for path, content in files.items():
            file = together.enter_context(whole_file(path))
            file.write(content if isinstance(content, bytes) else as_utf8(content))
            # a full disk is met here, before any of them is replaced
            file.flush()


def as_utf8(text: str) -> bytes:
    """UTF-8, with the bytes of a file's name that are none as `\\udcxx`: JSON reads that back."""
    return text.encode("utf-8", "backslashreplace")


def is_utf8(path: Path | PurePath) -> bool:
    """Whether the name can stand in a text file; names of old archives hold bytes of other encodings."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def safe_name(name: str) -> str:
    """The name with bytes that are no UTF-8 as `xe9`, for a file or folder of our own."""
    return "".join(f"x{ord(each) - 0xDC00:02x}" if "\udc80" <= each <= "\udcff" else each for each in name)


def breaks_lines(path: Path | PurePath) -> bool:
    """Whether the path holds a TAB or a line break, so that no line list and no table could name it."""
    return any(sign in str(path) for sign in "\t\n\r")


def is_full(error: OSError) -> bool:
    """Whether there is no more room, which the next file will meet as well."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def why_not_written(error: OSError, place: Path) -> str:
    """Why nothing can be written below a place, in a person's words."""
    if error.errno == errno.EDQUOT:
        return "the disk quota is used up"
    if error.errno == errno.ENOSPC and _lacks_inodes(place):
        return "the disk can hold no more files (its inodes are used up), though space is left"
    if error.errno == errno.ENOSPC:
        return "no space is left on the disk"
    return error.strerror or str(error)


def cannot_write(what: str, error: OSError, place: Path, where: object = None, hint: str | None = None) -> EngineError:
    """The error for what the disk does not take; `what` begins its sentence, as in "the output cannot be written".

    Args:
        place: what could not be written, or the folder it was to be in.
        where: what is shown as the place of the fault, if anything.
    """
    shown = None if where is None else str(where)
    message = f"{what} cannot be written: {why_not_written(error, place)}"
    return EngineError("output.cannot_write", message, where=shown, hint=hint)


def _lacks_inodes(place: Path) -> bool:
    for folder in (place, *place.parents):
        with suppress(OSError):  # it may not be there: that is what could not be made
            disk = os.statvfs(folder)
            return disk.f_files > 0 and disk.f_favail == 0 and disk.f_bavail > 0
    return False
