"""Requests to one eScriptorium: bound to its origin, bounded in time, repeated only where that is safe.

What it answers when it does not do what it was asked is told in words that help.

Source: requests and answers recorded from servers of June 2024 and August 2025.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any  # JSON values have no narrower type
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util.retry import Retry

from loghi_contract import __version__
from loghi_runner.errors import PlatformError
from loghi_runner.platform.access import Origin

#: The most a page of results may hold. Source: core.pagination of eScriptorium.
PER_PAGE = 50

_CONNECT_S = 10
_MAX_IMAGE_BYTES = 500_000_000
#: A page of 500 lines, with an outline of 100 points each, is a twentieth of this.
_MAX_ANSWER_BYTES = 32_000_000
_MAX_DETAIL_BYTES = 64_000
#: What is unpacked at a time: of 64 kB, gzip can make 66 MB.
_BLOCK_BYTES = 64 * 1024
#: A packed answer is unpacked block by block; several ways on top of each other would multiply.
_ENCODINGS = ("", "identity", "gzip")
_PARK = "What was won is kept; try again later."
_RENEWED = "Take the current one from your profile's API key page; it changes when somebody presses regenerate."
_log = logging.getLogger(__name__)


class Credential(AuthBase):
    """What opens the platform; its value is in no text that is ever shown."""

    def __init__(self, header: str, value: str) -> None:
        self._header = header
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[self._header] = self._value
        return request

    def __repr__(self) -> str:
        return f"<{self._header}>"


class Server:
    """One server with one credential; may be used from several threads."""

    def __init__(self, origin: Origin, credential: Credential, parallel: int, timeout_s: float) -> None:
        self.origin = origin
        self.parallel = parallel
        self._credential = credential
        self._timeout = (min(_CONNECT_S, timeout_s), timeout_s)
        self._session = requests.Session()
        # the credential is the only thing that says who we are
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["User-Agent"] = f"loghi-runner/{__version__}"
        self._session.headers["Accept"] = "application/json"
        self._session.headers["Accept-Encoding"] = "gzip"
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=parallel, max_retries=_retries())
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def get(self, path: str) -> Any:
        """The JSON at a path below `api/`, or at an URL of this origin."""
        url = self._url(path)
        return _json(url, self._content("GET", url, _MAX_ANSWER_BYTES))

    def every(self, path: str) -> Iterator[Any]:
        """All items of a list that comes in pages, or in one piece."""
        separator = "&" if "?" in path else "?"
        url: str | None = self._url(f"{path}{separator}paginate_by={PER_PAGE}")
        seen: set[str] = set()
        while url is not None:
            seen.add(url)
            answer = self.get(url)
            if isinstance(answer, list):
                yield from answer
                return
            if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
                raise _broken_answer(url, "it is not a list of results")
            yield from answer["results"]
            following = answer.get("next")
            url = self.origin.own(following, url) if isinstance(following, str) and following else None
            if url in seen:
                raise _broken_answer(url, "its pages go round in a circle")

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Change something; never repeated by itself, as nobody knows whether the first attempt arrived."""
        url = self._url(path)
        content = self._content(method, url, _MAX_ANSWER_BYTES, json=body)
        return _json(url, content) if content else None

    def image(self, uri: str, most_bytes: int) -> bytes:
        """A small image, such as a thumbnail. Raises AnswerTooLong."""
        return self._content("GET", self.origin.own(uri), most_bytes)

    def download(self, uri: str, target: Path) -> int:
        """An image into a file that is not there yet; returns its bytes. A part of it may be there when it fails."""
        url = self.origin.own(uri)
        with self._send("GET", url) as response, target.open("xb") as file:
            for block in self._blocks(response, url, _MAX_IMAGE_BYTES):
                file.write(block)
            return file.tell()

    def _url(self, path: str) -> str:
        return path if path.startswith(self.origin.url + "/") else f"{self.origin.base}api/{path}"

    def _content(self, method: str, url: str, most_bytes: int, **more: Any) -> bytes:
        with self._send(method, url, **more) as response:
            return b"".join(self._blocks(response, url, most_bytes))

    def _blocks(self, response: requests.Response, url: str, most_bytes: int) -> Iterator[bytes]:
        """The answer as it comes, unpacked, and no more of it than is allowed."""
        if response.headers.get("Content-Encoding", "").strip().lower() not in _ENCODINGS:
            raise _broken_answer(url, "it is packed in a way that was not asked for")
        size = 0
        try:
            for block in response.iter_content(_BLOCK_BYTES):
                size += len(block)
                if size > most_bytes:
                    raise AnswerTooLong(url, most_bytes)
                yield block
        except requests.RequestException as error:
            raise _connection_error(self.origin, error) from None

    def _send(self, method: str, url: str, **more: Any) -> requests.Response:
        """The beginning of a good answer; what follows is to be read within limits."""
        try:
            response = self._session.request(
                method, url, auth=self._credential, timeout=self._timeout, allow_redirects=False, stream=True, **more
            )
        except requests.RequestException as error:
            # without its cause: that holds the request, and the request the token
            raise _connection_error(self.origin, error) from None
        _log.debug("%s %s: %s", method, url, response.status_code)
        if not 200 <= response.status_code < 300:
            with response:
                raise _answer_error(self.origin, method, url, response, self._detail(response, url))
        return response

    def _detail(self, response: requests.Response, url: str) -> bytes:
        """What a refusal says, if it is short enough to be a sentence."""
        try:
            return b"".join(self._blocks(response, url, _MAX_DETAIL_BYTES))
        except PlatformError:
            return b""


def _json(url: str, content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise _broken_answer(url, "it is not JSON") from None
    except RecursionError:
        raise _broken_answer(url, "it is nested far too deep") from None


def _retries() -> Retry:
    """For reading alone; a connection that never came about is tried again for writing, too: nothing was sent."""
    return Retry(
        total=4,
        connect=3,
        read=2,
        redirect=0,
        status=4,
        other=0,
        allowed_methods=("GET",),
        status_forcelist=(429, 502, 503, 504),
        backoff_factor=0.5,
        retry_after_max=60,
        raise_on_status=False,
    )


def _answer_error(origin: Origin, method: str, url: str, response: requests.Response, body: bytes) -> PlatformError:
    """The error for an answer that is no success; `body` is what was read of it."""
    status = response.status_code
    where = f"{method} {_short(url)}"
    if 300 <= status < 400:
        return _moved(origin, response, where)
    if status == 401:
        message = f"{origin.url} does not know the token (any more)"
        return PlatformError("platform.token_refused", message, where=where, hint=_RENEWED, may_pass=True)
    if status == 403:
        message = f"{origin.url} does not allow this with this account: {_detail(body)}"
        hint = "Share the document or its project with the token's account."
        return PlatformError("platform.forbidden", message, where=where, hint=hint, may_pass=True)
    if status == 404:
        message = f"{origin.url} has no such thing, or not for this account: {_detail(body)}"
        hint = "Is it deleted, or not shared with the token's account? Is platform.url the platform's first page?"
        return PlatformError("platform.not_found", message, where=where, hint=hint)
    if status == 405:
        message = f"{origin.url} does not offer this"
        return PlatformError("platform.not_offered", message, where=where, hint="It may be another version.")
    if status == 413:
        message = f"{origin.url} finds the request too large"
        hint = "Ask its administrator to raise nginx's client_max_body_size."
        return PlatformError("platform.too_large", message, where=where, hint=hint, may_pass=True)
    if status == 429:
        message = f"{origin.url} asks us to wait: too many requests{_wait(response)}"
        hint = f"{_PARK} A smaller platform.parallel is gentler."
        return PlatformError("platform.too_many", message, where=where, hint=hint, may_pass=True)
    if status >= 500:
        message = f"{origin.url} has a fault of its own (status {status})"
        return PlatformError("platform.server_fault", message, where=where, hint=_PARK, may_pass=True)
    message = f"{origin.url} refuses the request (status {status}): {_detail(body)}"
    return PlatformError("platform.refused", message, where=where, hint="Please report it with this message.")


def _connection_error(origin: Origin, error: requests.RequestException) -> PlatformError:
    """The error for an answer that never came. The library's own words may hold what was sent, so they are left out."""
    if isinstance(error, requests.exceptions.SSLError):
        hint = "Its certificate must be valid here; REQUESTS_CA_BUNDLE can name an authority of your own."
        message = f"{origin.url} cannot prove who it is (TLS)"
        return PlatformError("platform.certificate", message, where=origin.url, hint=hint, may_pass=True)
    if isinstance(error, requests.exceptions.Timeout):
        message = f"{origin.url} did not answer in time"
        return PlatformError("platform.timeout", message, where=origin.url, hint=_PARK, may_pass=True)
    message = f"{origin.url} cannot be reached, or hung up"
    hint = f"Is the address right, and the server up? {_PARK}"
    return PlatformError("platform.unreachable", message, where=origin.url, hint=hint, may_pass=True)


def _broken_answer(url: str, fault: str) -> PlatformError:
    """The error for an answer that is not what such a server says."""
    hint = "Is platform.url the first page of an eScriptorium?"
    message = f"the answer to {_short(url)} cannot be used: {fault}"
    return PlatformError("platform.broken_answer", message, where=url, hint=hint)


class AnswerTooLong(PlatformError):
    """The platform sends more than such an answer ever holds."""

    def __init__(self, url: str, most_bytes: int) -> None:
        message = f"the answer to {_short(url)} is larger than {most_bytes // 1_000_000} MB; no more of it was read"
        hint = "Is platform.url the first page of an eScriptorium? If so, please report it with this message."
        super().__init__("platform.broken_answer", message, where=url, hint=hint)


def _moved(origin: Origin, response: requests.Response, where: str) -> PlatformError:
    target = urlsplit(response.headers.get("Location", ""))
    if "login" in target.path:
        message = f"{origin.url} wants a person to log in"
        return PlatformError("platform.token_refused", message, where=where, hint=_RENEWED, may_pass=True)
    place = f"{target.scheme}://{target.netloc.rpartition('@')[2]}" if target.netloc else target.path[:100]
    message = f"{origin.url} sends us on to {place}; a token follows nobody elsewhere"
    hint = "If that is the platform's right address, write it as platform.url."
    return PlatformError("platform.redirected", message, where=where, hint=hint)


def _detail(body: bytes) -> str:
    """The server's own sentence, where it gives one; an HTML page says nothing."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return "it does not say why"
    if isinstance(answer, dict):
        said = (answer.get(key) for key in ("detail", "error", "message"))
        answer = next((text for text in said if isinstance(text, str)), answer)
    return re.sub(r"\s+", " ", str(answer))[:200]


def _wait(response: requests.Response) -> str:
    seconds = response.headers.get("Retry-After", "")
    return f" (for {seconds} s)" if seconds.isdigit() else ""


def _short(url: str) -> str:
    return urlsplit(url).path
