"""What an eScriptorium answers when it does not do what it was asked, in words that help."""

import json
import re
from urllib.parse import urlsplit

import requests

from loghi_runner.errors import PlatformError
from loghi_runner.platform.origin import Origin

_PARK = "What was won is kept; try again later."
_RENEWED = "Take the current one from your profile's API key page; it changes when somebody presses regenerate."


def answer_error(origin: Origin, method: str, url: str, response: requests.Response, body: bytes) -> PlatformError:
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


def connection_error(origin: Origin, error: requests.RequestException) -> PlatformError:
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


def broken_answer(url: str, fault: str) -> PlatformError:
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
