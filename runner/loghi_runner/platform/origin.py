"""One platform's address: what lies on it may be asked, nothing else may."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from loghi_runner.errors import PlatformError, UsageError

_DEFAULT_PORTS = {"http": 80, "https": 443}


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
    return PlatformError(
        "platform.other_host",
        f"{origin.url} points to another place, {found[:100]}; nothing was sent there",
        where=origin.url,
        hint="If the platform has moved, write its new address as platform.url; otherwise tell its administrator.",
    )
