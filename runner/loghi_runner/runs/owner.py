"""Whose a run is: its owner concludes, stops and cleans it; everybody else only looks at it."""

import errno
import os
import pwd
import secrets
from pathlib import Path

from loghi_runner.errors import UsageError
from loghi_runner.runs.folder import RunFolder

#: What `open` answers where files cannot be made without a name: there one with a name is made, and removed.
_NO_NAMELESS_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)


def is_ours(folder: RunFolder) -> bool:
    """Whether the run's folder belongs to this account.

    Where a mount gives all files one owner (Docker Desktop, a network disk that maps accounts) it says nothing about
    who made the folder. There the trainer decides: an engine finds none but this account's, or this run's container.

    Raises:
        OSError: the folder cannot be seen.
    """
    owner = folder.path.stat().st_uid
    return owner == os.geteuid() or _owner_of_new_files(folder.path) == owner


def owner_name(folder: RunFolder) -> str:
    """Raises OSError."""
    owner = folder.path.stat().st_uid
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return f"the account number {owner}"


def require_ours(folder: RunFolder, doing: str) -> None:
    """Raises UsageError where the run belongs to another account."""
    if is_ours(folder):
        return
    owner = owner_name(folder)
    raise UsageError(
        "run.not_ours",
        f"the run is not ours: it belongs to {owner}, who alone can {doing} it",
        where=str(folder.path),
        hint=f"Ask its owner, or work under that account, such as with `sudo -u {owner}`.",
    )


def _owner_of_new_files(folder: Path) -> int | None:
    """Whom a file would belong to that this account made in the folder; None where it may make none."""
    try:
        # without a name: nobody sees it, and the folder stays as it is
        descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
    except AttributeError:
        descriptor = None  # macOS
    except OSError as error:
        if error.errno not in _NO_NAMELESS_FILES:
            return None
        descriptor = None
    named = folder / f".owner-{secrets.token_hex(6)}"
    try:
        if descriptor is None:
            descriptor = os.open(named, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            named.unlink()
        owner = os.fstat(descriptor).st_uid
        os.close(descriptor)
    except OSError:
        return None
    return owner
