"""E. Connections: many of them, silent ones, slow ones, and those that follow runs."""

import asyncio
import contextlib
import itertools
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.types import Message

from loghi_runner.orders.config import ServiceConfig
from loghi_runner.web import connections, guard
from loghi_runner.web.serve import _listen
from tests.made_service import MadeService, as_user, wait_for
from tests.programs import Programs
from tests.served import served

ORDERS = "/api/v1/orders"
HEAD = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def is_closed(connection: socket.socket) -> bool:
    """Whether the service has closed it; what it said before is read."""
    while select.select([connection], [], [], 0)[0]:
        try:
            if not connection.recv(65536):
                return True
        except ConnectionError:
            return True
    return False


@contextlib.contextmanager
def many(service: Programs, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(service.connect()) for _ in range(count)]


@pytest.mark.parametrize("begun", [b"", HEAD])
def test_connections_without_a_whole_head_keep_nobody_out(service: Programs, begun: bytes) -> None:
    with many(service, connections.MOST_WAITING_OF_ONE_ADDRESS + 50) as silent:
        for connection in silent:
            with contextlib.suppress(ConnectionError):
                connection.sendall(begun)
        wait_for(lambda: sum(map(is_closed, silent)) >= 50)
        for path in ("/health/live", "/sign-in"):
            assert httpx.get(service.url + path).status_code == 200
        assert not is_closed(silent[-1])


@pytest.mark.parametrize("before", [b"", HEAD, HEAD + b"\r\n" + HEAD])
def test_a_head_that_does_not_end_ends_the_connection(
    made: MadeService, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    with served(made) as url, socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as connection:
        connection.sendall(before)
        trickle = itertools.chain(b"X-Slow: ", itertools.repeat(ord("x")))

        def is_over() -> bool:
            with contextlib.suppress(ConnectionError):
                connection.sendall(bytes([next(trickle)]))
            return is_closed(connection)

        wait_for(is_over)
        assert httpx.get(f"{url}/health/live").status_code == 200


def test_an_answer_that_takes_its_time_is_not_cut_off(made: MadeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    order_id = made.order()
    made.order_folder(order_id).mark("cancel")
    with served(made) as url, httpx.stream("GET", f"{url}{ORDERS}/{order_id}/events", headers=as_user("ada")) as answer:
        said = "".join(answer.iter_text())
    assert '"stage":"cancelled"' in said


@contextlib.contextmanager
def following(url: str, order_id: str, count: int, user: str = "ada") -> Iterator[list[int]]:
    """That many followers of one run, and how each was answered."""
    headers = as_user(user)
    limits = httpx.Limits(max_connections=None)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=url, headers=headers, timeout=60, limits=limits))
        path = f"{ORDERS}/{order_id}/events"
        yield [stack.enter_context(client.stream("GET", path)).status_code for _ in range(count)]


def test_one_user_follows_only_so_many_runs_at_a_time(service: Programs) -> None:
    order_id, most = service.order(), guard.MOST_FOLLOWED
    with following(service.url, order_id, most + 2) as statuses:
        assert statuses == [200] * most + [429] * 2
        assert httpx.get(service.url + ORDERS, headers=as_user("ada")).status_code == 200
        # another user's limit is another one; that it is not his run is told as before
        with following(service.url, order_id, 1, "bob") as others:
            assert others == [404]

    def is_free_again() -> bool:
        with following(service.url, order_id, 1) as again:
            return again == [200]

    assert wait_for(is_free_again)


def test_one_client_cannot_have_all_requests_and_health_is_answered_all_the_same(tmp_path: Path) -> None:
    made = MadeService(tmp_path, limits={"followers": 4})
    order_id = made.order()
    with served(made, is_worked=False) as url, following(url, order_id, 3) as statuses:
        assert statuses == [200, 200, 429]
        assert httpx.get(url + ORDERS, headers=as_user("bob")).status_code == 200
        assert httpx.get(f"{url}/sign-in").status_code == 200
        for path in ("/health/live", "/health"):
            assert httpx.get(url + path).json()["status"] in ("ok", "not_ready")


def test_when_all_have_too_much_only_health_is_answered(tmp_path: Path) -> None:
    made = MadeService(tmp_path, limits={"followers": 1})
    order_id = made.order()
    with served(made, is_worked=False) as url, following(url, order_id, 1) as statuses:
        assert statuses == [200]
        answer = httpx.get(f"{url}/sign-in")
        assert (answer.status_code, answer.json()["code"]) == (503, "service.busy")
        assert httpx.get(f"{url}/health/live").status_code == 200


def test_a_platform_that_does_not_answer_takes_no_turns_from_others(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, contextlib.ExitStack() as stack:
        platform = {"url": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        with served(MadeService(tmp_path, platforms={"escriptorium": platform}), is_worked=False) as url:
            port = int(url.rpartition(":")[2])
            session = b"Cookie: sessionid=abcdefghijklmnopqrstuvwxyz012345\r\n"
            press = b"GET /launch?document=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n" + session + b"\r\n"
            pressing = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(60)]
            for connection in pressing:
                connection.sendall(press)
            assert select.select([silent], [], [], 60)[0]
            assert httpx.get(f"{url}/sign-in", timeout=60).status_code == 200
            # those who press the button still wait for the platform
            assert not any(select.select([connection], [], [], 0)[0] for connection in pressing)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", b"401"),
        (b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n\r\nx", b"413"),
        (b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n\r\nx", b"400"),
        (b"POST /sign-in HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 5\r\n\r\nx", b"421"),
    ],
)
def test_a_connection_whose_rest_nobody_reads_is_closed(service: Programs, request_: bytes, status: bytes) -> None:
    answer = service.send(request_)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"connection: close" in answer.lower()


def test_who_hides_behind_made_up_addresses_is_counted_as_one(tmp_path: Path) -> None:
    made = MadeService(tmp_path, limits={"requests_per_minute": 5})
    with served(made) as url:
        statuses = [
            httpx.get(f"{url}/sign-in", headers={"X-Forwarded-For": f"192.0.2.{number}"}).status_code
            for number in range(7)
        ]
        assert statuses == [200] * 5 + [429] * 2


def test_a_proxy_is_believed_where_there_is_one(tmp_path: Path) -> None:
    values = {"state": "state", "public_url": "https://htr.example.org"}
    behind = ServiceConfig.model_validate(values, context={"folder": tmp_path})
    assert behind.believed_proxies == ("127.0.0.1",)
    named = ServiceConfig.model_validate(values | {"proxies": ["10.0.0.1"]}, context={"folder": tmp_path})
    assert named.believed_proxies == ("10.0.0.1",)


def test_many_addresses_make_no_request_slow_for_others(made: MadeService) -> None:
    async def ask(address: str) -> None:
        scope = {"type": "http", "method": "GET", "path": "/nowhere", "query_string": b"", "client": (address, 1)}
        await made.app(scope | {"headers": [(b"host", b"127.0.0.1")]}, nothing, ignored)

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    async def ignored(_message: Message) -> None:
        pass

    async def cost_of_five() -> float:
        for number in range(1500):
            await ask(f"10.0.{number // 250}.{number % 250}")
        began = time.process_time()
        for _ in range(5):
            await ask("10.1.0.0")
            # what is tidied up behind a request is its cost as well
            await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        return time.process_time() - began

    assert asyncio.run(cost_of_five()) < 5 * 0.05


def test_the_parts_of_an_answer_do_not_wait_for_one_another(tmp_path: Path) -> None:
    values = {"state": "state", "listen": "127.0.0.1:0"}
    config = ServiceConfig.model_validate(values, context={"folder": tmp_path})
    with _listen(config) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
