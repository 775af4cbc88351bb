"""A user's token of a platform: encrypted while an order needs it, for one platform's address, then gone."""

import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from loghi_contract.files import read_plain
from loghi_runner.errors import PlatformError
from loghi_runner.files import whole_file

_FILE = "credential"
_MAX_BYTES = 16 << 10


@dataclass(frozen=True)
class Credential:
    """Opens one account at one address, and nothing anywhere else. Never shown: not even by `repr`."""

    token: str
    origin: str

    def __repr__(self) -> str:
        return f"Credential(for {self.origin})"


class Vault:
    """Keeps credentials in order folders, each sealed for its order and its platform's address."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    def keep(self, order_folder: Path, order_id: str, credential: Credential) -> None:
        """Write it, sealed, in place of one that is there. Raises OSError."""
        content = {"token": credential.token, "origin": credential.origin, "order": order_id}
        sealed = self._fernet.encrypt(json.dumps(content).encode())
        with whole_file(order_folder / _FILE, mode=0o660) as file:
            file.write(sealed)

    def take(self, order_folder: Path, order_id: str, origin: str) -> str | None:
        """The token for that address; None where the order has none.

        Raises:
            PlatformError: it was sealed with another key, for another order, or for another address.
        """
        try:
            sealed = read_plain(order_folder / _FILE, _MAX_BYTES, follow_links=False)
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
    (order_folder / _FILE).unlink(missing_ok=True)


def _unusable(why: str) -> PlatformError:
    return PlatformError(
        "platform.credential",
        f"the platform's token that came with the order cannot be used: {why}",
        hint="Give the token again: POST api/v1/orders/ID/push with platform_token.",
    )
