"""A request's head before anybody reads in it: how long it may be, and the cookies taken out of it."""

from starlette.types import Scope

from loghi_runner.web.problems import ServiceError

#: Bytes of all cookies together. Browsers keep up to 4 kB each; a platform on the same address has its own.
MOST_COOKIE_BYTES = 8 * 1024
#: Bytes of any other header; nginx takes no longer one either.
MOST_HEADER_BYTES = 8 * 1024
#: Browsers send twenty headers, with what proxies add thirty.
MOST_HEADERS = 100
#: Fields of an address; our own pages have five.
MOST_FIELDS = 100


def require_short_head(scope: Scope) -> None:
    """Refuse a head that is made to be slow to read.

    Raises:
        ServiceError: it has more than anybody needs.
    """
    headers = scope["headers"]
    cookie_bytes = sum(len(value) for name, value in headers if name == b"cookie")
    longest = max((len(value) for name, value in headers if name != b"cookie"), default=0)
    fields = scope["query_string"].count(b"&") + 1
    for count, most, what in (
        (len(headers), MOST_HEADERS, "headers"),
        (cookie_bytes, MOST_COOKIE_BYTES, "bytes of cookies"),
        (longest, MOST_HEADER_BYTES, "bytes in a header"),
        (fields, MOST_FIELDS, "fields in its address"),
    ):
        if count > most:
            raise ServiceError(
                "request.long_head",
                f"the request has more than {most} {what}",
                hint="In a browser: remove the cookies of this address. In a program: send less beside the request.",
            )


def take_cookies(scope: Scope) -> dict[str, str]:
    """Cookies by name, as they are written; those in quotes are taken out of the request.

    Python before 3.11.10 and 3.12.6 needs the square of its length to take the quotes off a cookie (CVE-2024-7592),
    and Starlette does so with all that it finds. None that is read here is ever quoted.
    """
    others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    cookies = [
        pair.strip()
        for name, value in scope["headers"]
        if name == b"cookie"
        for pair in value.split(b";")
        if b'"' not in pair and b"\\" not in pair
    ]
    scope["headers"] = [*others, (b"cookie", b"; ".join(cookies))] if cookies else others
    return dict(cookie.decode("latin-1").split("=", 1) for cookie in cookies if b"=" in cookie)


def announces_body(scope: Scope) -> bool:
    """Whether more comes after the head."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


def announced_bytes(scope: Scope) -> int | None:
    """The length of the body as the head says it; None where it says nothing that is a number."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    # more digits than any limit has are no number worth reading
    return int(lengths[0][:20]) if lengths and lengths[0].isdigit() else None
