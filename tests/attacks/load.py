"""How soon health is answered while others are a burden: python -m tests.attacks.load [--seconds 20] [--orders 0 1000]

A real `loghi-runner serve`. The burden is made by a process of its own that gives way to everything else (nice 19).
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import socket
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from loghi_runner.orders.orders import OrderFolder, OrderState, Stage
from tests.made_service import as_user
from tests.programs import Programs, programs_in

HALF = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
PATHS = ("/", "/api/v1/orders?limit=20", "/api/v1/sources", "/start", "/sign-in", "/health")
_PROBE_EVERY_S = 0.1


def request(path: str, user: str = "ada", method: str = "GET", body: bytes = b"") -> bytes:
    headers = {"Host": "127.0.0.1", "Content-Length": str(len(body)), "Content-Type": "application/json"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers | as_user(user)).items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status and the body of the next answer on a kept connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(head.split()[1]), await reader.readexactly(int(length.partition(b":")[2]))


def busy(port: int, clients: int, seconds: float, told: "multiprocessing.Queue[dict[str, float]]") -> None:
    """That many clients, each with a kept connection, each asking as soon as it was answered."""
    os.nice(19)
    statuses: Counter[int] = Counter()
    times: list[float] = []

    async def client(until: float) -> None:
        while time.monotonic() < until:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                while time.monotonic() < until:
                    began = time.monotonic()
                    writer.write(request(random.choice(PATHS)))  # no secret
                    status, _ = await answer(reader)
                    statuses[status] += 1
                    times.append(time.monotonic() - began)

    async def all_clients() -> None:
        until = time.monotonic() + seconds
        await asyncio.gather(*(client(until) for _ in range(clients)))

    asyncio.run(all_clients())
    rate = round(len(times) / seconds)
    told.put(
        {
            "answered": len(times),
            "requests_per_s": rate,
            "median_s": round(statistics.median(times), 3),
            **_named(statuses),
        }
    )


def _named(statuses: Counter[int]) -> dict[str, float]:
    return {str(status): count for status, count in sorted(statuses.items())}


@contextmanager
def connected(service: Programs, count: int, begun: bytes) -> Iterator[None]:
    """That many connections that have sent nothing, or the beginning of a head."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(service.connect())
            with contextlib.suppress(ConnectionError):
                connection.sendall(begun)
        yield


def probe(service: Programs, is_over: Callable[[], bool]) -> dict[str, float]:
    """Ask for health again and again, on a new connection each time, as whoever looks after a service does."""
    times, failed = [], 0
    while not is_over():
        began = time.monotonic()
        try:
            with socket.create_connection(("127.0.0.1", service.port), 30) as connection:
                connection.sendall(HALF + b"\r\n")
                failed += not connection.recv(65536).startswith(b"HTTP/1.1 200")
        except OSError:
            failed += 1
        times.append(1000 * (time.monotonic() - began))
        time.sleep(_PROBE_EVERY_S)
    median, worst = statistics.median(times), max(times)
    return {"asked": len(times), "failed": failed, "median_ms": round(median, 1), "worst_ms": round(worst, 1)}


def after(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def place_old_orders(service: Programs, count: int) -> None:
    first = OrderFolder(service.folder / "state" / "orders" / service.order())
    text = (first.path / "order.json").read_text(encoding="utf-8")
    for number in range(count):
        order_id = f"{number:016d}".translate(str.maketrans("0189", "abcd"))
        folder = OrderFolder(service.folder / "state" / "orders" / order_id)
        folder.path.mkdir()
        (folder.path / "order.json").write_text(text.replace(first.id, order_id), encoding="utf-8")
        folder.write_state(OrderState(stage=Stage.FINISHED, since="2026-01-01T00:00:00Z"))


def connections(folder: Path, seconds: float) -> Iterator[dict[str, object]]:
    with programs_in(folder) as service:
        service.serve("--queue-only")
        yield {"burden": "none", "health": probe(service, after(seconds))}
        for name, begun in (("600 silent connections", b""), ("600 half heads", HALF)):
            with connected(service, 600, begun):
                yield {"burden": name, "health": probe(service, after(seconds))}


def clients(folder: Path, seconds: float, orders: int) -> dict[str, object]:
    with programs_in(folder) as service:
        service.serve("--queue-only")
        place_old_orders(service, orders)
        told: multiprocessing.Queue[dict[str, float]] = multiprocessing.Queue()
        all_clients = multiprocessing.Process(target=busy, args=(service.port, 200, seconds, told))
        before_s = service.processor_s()
        all_clients.start()
        health = probe(service, after(seconds))
        found = told.get()
        # of the service alone: tells more than the rate where others work on the machine, too
        found["processor_ms"] = round(1000 * (service.processor_s() - before_s) / found["answered"], 2)
        all_clients.join()
        return {"burden": f"200 busy clients, {orders} old orders", "health": health, "clients": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--orders", type=int, nargs="+", default=[0], help="old orders, one after the other")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for found in connections(Path(folder, "connections"), arguments.seconds):
            print(json.dumps(found), flush=True)
        for orders in arguments.orders:
            print(json.dumps(clients(Path(folder, str(orders)), arguments.seconds, orders)), flush=True)


if __name__ == "__main__":
    main()
