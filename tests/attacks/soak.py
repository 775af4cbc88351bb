"""Ten minutes of everything at once: SOAK_MINUTES=10 python -m tests.attacks.soak

A real `loghi-runner serve` with its worker and the stand-in trainer. People look at pages, programs ask the API, runs
are ordered, followed and cancelled, and strangers send what nobody should read. Each minute a line of JSON says what
the service takes and how it answers. Exit code 1: something was answered as it should not be.
"""

import asyncio
import contextlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import psutil
import pytest

from tests.attacks.load import HALF
from tests.attacks.test_e_costs import ATTACKS
from tests.made_service import TOKENS, as_user, finetuning, use_fake_trainer
from tests.programs import Programs, programs_in

ORDERS = "/api/v1/orders"
PATHS = ("/", "/start", ORDERS, "/api/v1/sources", "/sign-in", "/manifest", "/openapi.json", "/static/style.css")
OVER = ("finished", "failed", "cancelled")
_CLIENTS = 8
_PAUSE_S = 0.05


class Soak:
    """What was asked and how it was answered, in the current minute and in all."""

    def __init__(self, service: Programs) -> None:
        self.service = service
        self.process = psutil.Process(service.started[-1].pid)
        self.times: list[float] = []
        self.health: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.orders: Counter[str] = Counter()
        self.faults: list[str] = []

    async def get(self, client: httpx.AsyncClient, path: str, expected: tuple[int, ...] = (200,)) -> httpx.Response:
        return self.noted(path, await self.timed(client.get(path)), expected)

    async def timed(self, answer: Awaitable[httpx.Response]) -> httpx.Response:
        began = time.monotonic()
        found = await answer
        self.times.append(time.monotonic() - began)
        return found

    def noted(self, what: str, answer: httpx.Response, expected: tuple[int, ...]) -> httpx.Response:
        self.statuses[f"{answer.status_code // 100}xx"] += 1
        if answer.status_code not in expected:
            self.faults.append(f"{what}: {answer.status_code} {answer.text[:200]}")
        return answer

    def line(self) -> dict[str, object]:
        """What is told each minute; counting begins anew."""
        times, health = sorted(self.times) or [0.0], self.health or [0.0]
        self.times, self.health = [], []
        return {
            "memory_mb": round(self.process.memory_info().rss / 1e6, 1),
            "files": self.process.num_fds(),
            "threads": self.process.num_threads(),
            "requests": len(times),
            "median_ms": round(1000 * statistics.median(times), 1),
            "p99_ms": round(1000 * times[int(len(times) * 0.99)], 1),
            "worst_ms": round(1000 * times[-1], 1),
            "health_median_ms": round(1000 * statistics.median(health), 1),
            "health_worst_ms": round(1000 * max(health), 1),
            "answers": dict(sorted(self.statuses.items())),
            "orders": dict(sorted(self.orders.items())),
            "faults": len(self.faults),
        }


async def looking(soak: Soak, client: httpx.AsyncClient) -> None:
    """A person or a program that looks at this and that."""
    await soak.get(client, random.choice(PATHS))  # no secret


async def ordering(soak: Soak, client: httpx.AsyncClient) -> None:
    """A run from its order to its model; some are cancelled, some followers break off."""
    order = soak.noted("order", await soak.timed(client.post(ORDERS, json=finetuning())), (201, 429))
    if order.status_code == 429:  # five of one user are under way
        await asyncio.sleep(1)
        return
    path = f"{ORDERS}/{order.json()['id']}"
    if random.random() < 0.2:  # no secret
        soak.noted("cancel", await client.post(f"{path}/cancel", json={}), (202,))
    async with client.stream("GET", f"{path}/events", timeout=None) as events:
        async for line in events.aiter_lines():
            if line.startswith("event: epoch") and random.random() < 0.3:  # no secret
                break
    while (stage := (await soak.get(client, path)).json()["stage"]) not in OVER:
        await asyncio.sleep(0.5)
    soak.orders[stage] += 1
    await soak.get(client, f"{path}/report", (200, 404))
    await soak.get(client, f"/orders/{path.rpartition('/')[2]}", (200,))


async def signing(soak: Soak, _client: httpx.AsyncClient) -> None:
    """A person who comes in by the page, and leaves."""
    own = {"Origin": soak.service.url}
    async with httpx.AsyncClient(base_url=soak.service.url, headers=own, timeout=60) as browser:
        answer = await browser.post("/sign-in", data={"token": TOKENS["bob"]})
        soak.noted("sign in", answer, (303,))
        page = await soak.get(browser, "/")
        word = page.text.partition('name="csrf" value="')[2].partition('"')[0]
        soak.noted("sign out", await browser.post("/sign-out", data={"csrf": word}), (303,))
    await asyncio.sleep(1)


async def attacking(soak: Soak, _client: httpx.AsyncClient) -> None:
    """A stranger."""
    sent = random.choice([*ATTACKS.values(), HALF, b""])  # no secret
    with contextlib.suppress(ConnectionError):
        reader, writer = await asyncio.open_connection("127.0.0.1", soak.service.port)
        writer.write(sent)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(), 20)
        writer.close()
    await asyncio.sleep(0.2)


async def watching(soak: Soak, client: httpx.AsyncClient) -> None:
    began = time.monotonic()
    soak.noted("health", await client.get("/health/live"), (200,))
    soak.health.append(time.monotonic() - began)
    await asyncio.sleep(0.1)


async def again_and_again(
    soak: Soak, user: str, work: Callable[[Soak, httpx.AsyncClient], Awaitable[None]], until: float
) -> None:
    async with httpx.AsyncClient(base_url=soak.service.url, headers=as_user(user), timeout=120) as client:
        while time.monotonic() < until:
            try:
                await work(soak, client)
            except (httpx.HTTPError, KeyError, ValueError) as error:
                soak.faults.append(f"{work.__name__}: {error!r}")
            await asyncio.sleep(_PAUSE_S)


async def telling(soak: Soak, began: float, until: float) -> None:
    while (now := time.monotonic()) < until:
        await asyncio.sleep(min(60.0, until - now))
        minutes = round((time.monotonic() - began) / 60, 1)
        print(json.dumps({"minutes": minutes, **soak.line()}), flush=True)


async def soaked(service: Programs, minutes: float) -> Soak:
    soak = Soak(service)
    began = time.monotonic()
    until = began + 60 * minutes
    workers = [("ada", looking)] * _CLIENTS + [("ada", ordering), ("bob", ordering)] * 2
    workers += [("bob", signing), ("", attacking), ("", attacking), ("", watching)]
    tasks = [again_and_again(soak, user, work, until) for user, work in workers]
    await asyncio.gather(telling(soak, began, until), *tasks)
    return soak


def main() -> int:
    minutes = float(os.environ.get("SOAK_MINUTES", "10"))
    os.nice(5)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        use_fake_trainer(patch, "success")
        with programs_in(Path(folder)) as service:
            service.serve()
            soak = asyncio.run(soaked(service, minutes))
            time.sleep(15)  # what the last ones left is closed by then
            print(json.dumps({"afterwards": True, **soak.line()}))
            tracebacks = service.logs().count("Traceback")
    for fault in soak.faults[:20]:
        print(f"fault: {fault}", file=sys.stderr)
    if tracebacks:
        print(f"the service's log has {tracebacks} tracebacks", file=sys.stderr)
    return 1 if soak.faults or tracebacks else 0


if __name__ == "__main__":
    sys.exit(main())
