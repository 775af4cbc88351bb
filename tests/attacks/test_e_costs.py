"""E. Requests: what somebody who is not signed in can make the service work for one of them."""

from pathlib import Path

import httpx
import pytest

from tests.programs import Programs, programs_in

HOST = b"Host: 127.0.0.1\r\n"
#: Seconds of processor that one request may cost, however long the machine takes for them. The kernel counts in
#: hundredths, so several of a kind are sent.
MOST_S = 0.05
TIMES = 10


def get(path: bytes = b"/sign-in", *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"GET " + path + b" HTTP/1.1\r\n" + HOST + lines + b"Connection: close\r\n\r\n"


def chunks(count: int) -> bytes:
    return b"1\r\nx\r\n" * count


def post(path: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"POST " + path + b" HTTP/1.1\r\n" + HOST + lines + b"Connection: close\r\n\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked"
FORM = b"Content-Type: application/x-www-form-urlencoded"
ATTACKS = {
    "cookie of backslashes": get(b"/sign-in", b'Cookie: a="' + b"\\" * 60_000 + b'"'),
    "shorter cookie of backslashes": get(b"/sign-in", b'Cookie: a="' + b"\\" * 8000 + b'"'),
    "cookie of escaped quotes": get(b"/sign-in", b'Cookie: loghi_session="' + b'\\"' * 4000 + b'"'),
    "cookie of octal beginnings": get(b"/sign-in", b'Cookie: loghi_language="' + b"\\37" * 2600 + b'"'),
    "two cookies of backslashes": get(b"/sign-in", *[b'Cookie: a="' + b"\\" * 8000 + b'"'] * 2),
    "many cookies": get(b"/sign-in", b"Cookie: " + b"a=b;" * 2000),
    "button with a cookie of backslashes": get(b"/launch?document=1", b'Cookie: sessionid="' + b"\\" * 8000 + b'"'),
    "many headers": get(b"/api/v1/orders", *[b"a:b"] * 12_000),
    "many headers in one piece": get(b"/api/v1/orders", *[b"a:b"] * 2500),
    "many different headers": get(b"/api/v1/orders", *[b"a%d:b" % number for number in range(8000)]),
    "hundred headers": get(b"/api/v1/orders", *[b"a%d: %s" % (number, b"b" * 100) for number in range(95)]),
    "long header": get(b"/api/v1/orders", b"X-Long: " + b"x" * 200_000),
    "folded header": get(b"/api/v1/orders", b"X-Long: x" + b"\r\n x" * 15_000),
    "long token": get(b"/api/v1/orders", b"Authorization: Bearer " + b"x" * 15_000),
    "token of spaces": get(b"/api/v1/orders", b"Authorization: " + b" " * 15_000 + b"x"),
    "many languages": get(b"/sign-in", b"Accept-Language: " + b"de;q=0.1," * 1600),
    "many forwarders": get(b"/sign-in", b"X-Forwarded-For: " + b"127.0.0.1," * 1500),
    "long address": get(b"/" + b"a/" * 7500),
    "address of percents": get(b"/api/v1/orders/" + b"%2e" * 5000),
    "address as long as it gets": get(b"/" + b"a" * 250_000),
    "many fields in an address": get(b"/sign-in?" + b"&".join(b"a%d" % number for number in range(2500))),
    "many ranges": get(b"/static/style.css", b"Range: bytes=" + b"0-1," * 3500),
    "description": get(b"/openapi.json"),
    "manifest": get(b"/manifest"),
    "order of nobody in small chunks": post(b"/api/v1/orders", CHUNKED, body=chunks(300_000)),
    "access code in small chunks": post(b"/sign-in", CHUNKED, FORM, body=chunks(300_000)),
    "reading in small chunks": b"GET /sign-in HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n\r\n" + chunks(300_000),
    "chunk with a long extension": post(b"/sign-in", CHUNKED, body=b"1;" + b"x" * 200_000 + b"\r\nx\r\n"),
    "form of many parts": post(
        b"/sign-in",
        b"Content-Type: multipart/form-data; boundary=x",
        b"Content-Length: 200000",
        body=(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 4000)[:200_000],
    ),
    "type of many semicolons": post(
        b"/sign-in", b'Content-Type: multipart/form-data; a="' + b";" * 8000, b"Content-Length: 4", body=b"a=bc"
    ),
    "type of more semicolons": post(
        b"/sign-in", b'Content-Type: multipart/form-data; a="' + b";" * 15_000, b"Content-Length: 4", body=b"a=bc"
    ),
    "form of many fields": post(b"/sign-in", FORM, b"Content-Length: 4096", body=b"&a=b" * 1024),
    "order of nobody, long": post(
        b"/api/v1/orders", b"Content-Type: application/json", b"Content-Length: 1000000", body=b"[1," * 333_333 + b"]"
    ),
    "less than was promised, then nonsense": post(b"/sign-in", FORM, b"Content-Length: 1", body=b"ab" * 100_000),
    "length without end": post(b"/sign-in", b"Content-Length: " + b"9" * 5000),
    "no lines": b"\r\n" * 100_000,
    "no request": b"x" * 250_000,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_no_request_before_sign_in_costs_much(service: Programs, name: str) -> None:
    before = service.processor_s()
    for _ in range(TIMES):
        service.send(ATTACKS[name])
    assert service.processor_s() - before < TIMES * MOST_S
    assert httpx.get(f"{service.url}/health/live").status_code == 200


def test_the_first_who_asks_pays_for_nobody_else(tmp_path: Path) -> None:
    with programs_in(tmp_path) as service:
        service.serve("--queue-only")
        for path in (b"/openapi.json", b"/sign-in", b"/manifest"):
            before = service.processor_s()
            service.send(get(path))
            assert service.processor_s() - before < MOST_S, path
