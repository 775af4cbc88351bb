"""The state folder: where orders are, who may read what in it, and the service's key."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from loghi_contract.storage import sync_file
from loghi_runner.errors import EngineError

ORDERS = "orders"
WORK = "work"
KEY_FILE = "service.key"
ENDED_SESSIONS = "ended-sessions.json"
WORKER_LOCK = "worker.lock"
WORKER_BEAT = "worker.beat"


@dataclass(frozen=True)
class StateFolder:
    """Service and worker meet here and nowhere else. `is_shared`: they are two accounts of one group."""

    path: Path
    is_shared: bool

    @property
    def orders(self) -> Path:
        return self.path / ORDERS

    @property
    def work(self) -> Path:
        """What came of the orders; the worker alone writes here."""
        return self.path / WORK

    @property
    def ended_sessions(self) -> Path:
        return self.path / ENDED_SESSIONS

    @property
    def worker_lock(self) -> Path:
        return self.work / WORKER_LOCK

    @property
    def worker_beat(self) -> Path:
        """Touched by the worker each time it has looked at all orders."""
        return self.work / WORKER_BEAT

    @property
    def service_umask(self) -> int:
        """For files of the service: the worker may take marks away, nobody else sees anything."""
        return 0o007 if self.is_shared else 0o077

    @property
    def worker_umask(self) -> int:
        """For files of the worker: the service may read them and change none."""
        return 0o027 if self.is_shared else 0o077

    def begin_orders(self) -> None:
        """Make the service's part. Raises EngineError."""
        self._make(self.orders, 0o2770)

    def begin_work(self) -> None:
        """Make the worker's part. Raises EngineError."""
        self._make(self.work, 0o2750)

    def _make(self, folder: Path, shared_mode: int) -> None:
        try:
            if not folder.is_dir():
                folder.mkdir(mode=0o700)
                if self.is_shared:
                    folder.chmod(shared_mode)
        except OSError as error:
            raise _closed(folder, error) from error

    def key(self) -> bytes:
        """The key for cookies and credentials, made once."""
        path = self.path / KEY_FILE
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640 if self.is_shared else 0o600)
        except FileExistsError:
            return self._known_key(path)
        except OSError as error:
            raise _closed(self.path, error) from error
        with os.fdopen(descriptor, "wb") as file:
            key = Fernet.generate_key()
            file.write(key)
            file.flush()
            sync_file(file.fileno())
        return key

    def _known_key(self, path: Path) -> bytes:
        try:
            mode, key = path.stat().st_mode, path.read_bytes()
        except OSError as error:
            raise _closed(path, error) from error
        if mode & stat.S_IRWXO or (mode & stat.S_IRWXG and not self.is_shared):
            raise EngineError(
                "service.open_key",
                "others can read the service's key: with it they could sign in as anybody",
                where=str(path),
                hint=f"Remove it, and the service makes a new one; everybody signs in again. Or: chmod go= {path}",
            )
        if len(key) != len(Fernet.generate_key()):
            raise EngineError(
                "service.broken_key",
                "the service's key is not whole",
                where=str(path),
                hint="Remove it, and the service makes a new one; everybody signs in again.",
            )
        return key


def open_state(path: Path) -> StateFolder:
    """The state folder, made where it is not there.

    A folder with the set-group-id bit is one that two accounts share: the service's and the worker's.

    Raises:
        EngineError: it cannot be used.
    """
    try:
        if not path.is_dir():
            path.mkdir(mode=0o700, parents=True)
        return StateFolder(path, bool(path.stat().st_mode & stat.S_ISGID))
    except OSError as error:
        raise _closed(path, error) from error


def _closed(path: Path, error: OSError) -> EngineError:
    return EngineError(
        "service.state",
        f"the service's state folder cannot be used: {error.strerror or error}",
        where=str(error.filename or path),
        hint="Name as `state` a folder that the service's account may write, such as one below /var/lib.",
    )
