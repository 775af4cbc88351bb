"""A platform's address and the token that opens it: what lies there may be asked, as whom, and nothing else."""

import ipaddress
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

from loghi_runner.errors import PlatformError, UsageError

TOKEN_VARIABLE = "LOGHI_RUNNER_PLATFORM_TOKEN"  # noqa: S105  # a name, not a token

_DEFAULT_PORTS = {"http": 80, "https": 443}
_TOKEN_FORM = re.compile(r"[A-Za-z0-9._~+/=-]{8,512}")
_HINT = f"Save it alone in a file only you can read, and name it as platform.token_file; or set {TOKEN_VARIABLE}."


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port, and the path below which the platform lies (often none), ending in `/`."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def base(self) -> str:
        """Where the platform begins, ending in `/`."""
        return self.url + self.path

    @property
    def is_private(self) -> bool:
        """Whether what is sent there stays unread by others: encrypted, or within one machine or container network."""
        return self.scheme == "https" or "." not in self.host.removesuffix(".") or _is_loopback(self.host)

    def own(self, url: str, asked: str | None = None) -> str:
        """The URL as one of this origin's; relative ones are relative to what was asked.

        A server behind a proxy often writes `http` where it was reached by `https`: only the scheme is then put right.

        Raises:
            PlatformError: it belongs to another host.
        """
        try:
            parts = urlsplit(urljoin(asked or self.base, url.strip()))
            host, port = (parts.hostname or "").lower(), _port(parts)
        except ValueError:
            raise _foreign(self, "something that is no address") from None
        is_same = (parts.scheme, host, port) == (self.scheme, self.host, self.port)
        is_http_of_same = (parts.scheme, host) == ("http", self.host) and port in (80, self.port)
        if parts.username is not None or not (is_same or (self.scheme == "https" and is_http_of_same)):
            raise _foreign(self, f"{parts.scheme}://{host}")
        query = f"?{parts.query}" if parts.query else ""
        return f"{self.url}{parts.path or '/'}{query}"


def parse_origin(url: str) -> Origin:
    """Read what people write, such as `https://escriptorium.example.org`.

    Raises:
        UsageError: it is no address of a website.
    """
    try:
        parts = urlsplit(url.strip())
        port = _port(parts)
    except ValueError:
        raise _bad_url("is no address") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise _bad_url("must begin with https:// (or http://) and name a host")
    if parts.username is not None or parts.password is not None:
        raise _bad_url("holds a user name or password; these never belong into an address")
    if parts.query or parts.fragment:
        raise _bad_url("goes on after a ? or #")
    return Origin(parts.scheme, parts.hostname.lower(), port, parts.path.rstrip("/") + "/")


def _port(parts: SplitResult) -> int:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bad_url(fault: str) -> UsageError:
    hint = "Write what your browser shows for the platform's first page, such as https://escriptorium.example.org"
    return UsageError("platform.url", f"the platform's address {fault}", where="platform.url", hint=hint)


def _foreign(origin: Origin, found: str) -> PlatformError:
    message = f"{origin.url} points to another place, {found[:100]}; nothing was sent there"
    hint = "If the platform has moved, write its new address as platform.url; otherwise tell its administrator."
    return PlatformError("platform.other_host", message, where=origin.url, hint=hint)


def read_token(file: Path | None) -> str:
    """The token from the environment, else from the file.

    Raises:
        UsageError: there is none, it has an impossible form, or others can read the file.
    """
    token = os.environ.get(TOKEN_VARIABLE, "")
    where = TOKEN_VARIABLE
    if not token.strip():
        if file is None:
            message = "the platform asks for a token, and there is none"
            raise UsageError("platform.no_token", message, where="platform.token_file", hint=_HINT)
        token, where = _from_file(file), str(file)
    return checked_token(token, where)


def checked_token(token: str, where: str) -> str:
    """The token without blanks around it. A wrong one is not shown: it may be right somewhere else.

    Raises:
        UsageError: it has a form no token has.
    """
    token = token.strip()
    if not _TOKEN_FORM.fullmatch(token):
        message = "what stands there is not one token (letters and digits, without blanks)"
        raise UsageError("platform.token_form", message, where=where, hint="Copy it from your profile's API key page.")
    return token


def _from_file(file: Path) -> str:
    try:
        with file.open("rb") as content:
            mode = os.fstat(content.fileno()).st_mode
            text = content.read(4096).decode("utf-8", errors="replace")
    except OSError as error:
        message = f"the token cannot be read: {error.strerror or error}"
        raise UsageError("platform.no_token", message, where=str(file), hint=_HINT) from error
    if mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH):
        message = "others on this machine can read the platform's token: it opens the whole account"
        raise UsageError("platform.token_open", message, where=str(file), hint=f"chmod 600 {file}")
    return text
