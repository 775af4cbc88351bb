"""The state folder: where orders are, who may read what in it, the service's key, and what that key seals."""

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from loghi_contract.files import read_plain
from loghi_contract.storage import sync_file
from loghi_runner.errors import EngineError, PlatformError
from loghi_runner.files import whole_file

ORDERS = "orders"
WORK = "work"
KEY_FILE = "service.key"
_CREDENTIAL = "credential"
_MAX_CREDENTIAL_BYTES = 16 << 10


class StateFolder:
    """Service and worker meet here and nowhere else. `is_shared`: they are two accounts of one group."""

    def __init__(self, path: Path, *, is_shared: bool) -> None:
        self.path = path
        self.is_shared = is_shared
        self.orders = path / ORDERS
        #: what came of the orders; the worker alone writes here
        self.work = path / WORK
        self.ended_sessions = path / "ended-sessions.json"
        self.worker_lock = self.work / "worker.lock"
        #: touched by the worker each time it has looked at all orders
        self.worker_beat = self.work / "worker.beat"

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
        return StateFolder(path, is_shared=bool(path.stat().st_mode & stat.S_ISGID))
    except OSError as error:
        raise _closed(path, error) from error


def _closed(path: Path, error: OSError) -> EngineError:
    return EngineError(
        "service.state",
        f"the service's state folder cannot be used: {error.strerror or error}",
        where=str(error.filename or path),
        hint="Name as `state` a folder that the service's account may write, such as one below /var/lib.",
    )


@dataclass(frozen=True)
class Credential:
    """Opens one account at one address, and nothing anywhere else. The token is never shown."""

    token: str = field(repr=False)
    origin: str


class Vault:
    """Keeps credentials in order folders, each sealed for its order and its platform's address."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    def keep(self, order_folder: Path, order_id: str, credential: Credential) -> None:
        """Write it, sealed, in place of one that is there. Raises OSError."""
        content = {"token": credential.token, "origin": credential.origin, "order": order_id}
        sealed = self._fernet.encrypt(json.dumps(content).encode())
        with whole_file(order_folder / _CREDENTIAL, mode=0o660) as file:
            file.write(sealed)

    def take(self, order_folder: Path, order_id: str, origin: str) -> str | None:
        """The token for that address; None where the order has none.

        Raises:
            PlatformError: it was sealed with another key, for another order, or for another address.
        """
        try:
            sealed = read_plain(order_folder / _CREDENTIAL, _MAX_CREDENTIAL_BYTES, follow_links=False)
        except FileNotFoundError:
            return None
        try:
            content = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken:
            raise _unusable("it was kept with another key") from None
        if content["order"] != order_id or content["origin"] != origin:
            raise _unusable("it was given for another order or another address")
        return str(content["token"])


def forget_credential(order_folder: Path) -> None:
    """Raises OSError."""
    (order_folder / _CREDENTIAL).unlink(missing_ok=True)


def _unusable(why: str) -> PlatformError:
    return PlatformError(
        "platform.credential",
        f"the platform's token that came with the order cannot be used: {why}",
        hint="Give the token again: POST api/v1/orders/ID/push with platform_token.",
    )
