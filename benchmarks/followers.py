"""How much memory the service takes for many followers of one run: python -m benchmarks.followers [--followers 200]

A real `loghi-runner serve --queue-only`, a run whose events are written here, and that many connections.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from loghi_contract.event_lines import encode_event
from loghi_contract.events import Event, Phase, Step
from loghi_runner.clock import utc_now_exactly
from loghi_runner.orders.orders import OrderFolder, OrderState, Stage
from loghi_runner.web.callers import new_token, token_digest

_EVENTS_BEFORE = 5000
_EVENTS_WHILE = 100


async def measure(followers: int, folder: Path) -> dict[str, float]:
    token, url = new_token(), "http://127.0.0.1:18765"
    (folder / "pages" / "p" / "page").mkdir(parents=True)
    (folder / "models" / "base").mkdir(parents=True)
    (folder / "service.yaml").write_text(
        f"state: state\nlisten: 127.0.0.1:18765\nroots: {{pages: pages, base_models: models}}\n"
        f"clients: [{{name: ada, token_sha256: {token_digest(token)}}}]\nlimits: {{requests_per_minute: 100000}}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "loghi_runner", "serve", "service.yaml", "--queue-only"]
    with (folder / "log.txt").open("wb") as log:
        service = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            base_url=url, headers=headers, timeout=60, limits=httpx.Limits(max_connections=followers + 10)
        ) as client:
            await _until_it_answers(client)
            process = psutil.Process(service.pid)
            before = process.memory_info().rss
            order = OrderFolder(folder / "state" / "orders" / await _order(client))
            events = _make_run(order)
            counts = [0] * followers
            tasks = [asyncio.create_task(_follow(client, order.id, counts, number)) for number in range(followers)]
            await _until(lambda: min(counts) >= _EVENTS_BEFORE)
            began = time.perf_counter()
            for number in range(_EVENTS_WHILE):
                _write(events, _EVENTS_BEFORE + number, Step(1, number, _EVENTS_WHILE, 1.0, 10.0))
                await asyncio.sleep(0.02)
            await _until(lambda: min(counts) >= _EVENTS_BEFORE + _EVENTS_WHILE)
            seconds = time.perf_counter() - began
            most = process.memory_info().rss
            order.write_state(OrderState(stage=Stage.FINISHED, since=utc_now_exactly()))
            await asyncio.gather(*tasks)
            return {
                "followers": followers,
                "rss_before_mb": round(before / 1e6, 1),
                "rss_with_followers_mb": round(most / 1e6, 1),
                "events_each": min(counts),
                "seconds_for_the_last_100": round(seconds, 2),
                "cpu_s": round(sum(process.cpu_times()[:2]), 2),
            }
    finally:
        service.terminate()
        service.wait()


async def _until_it_answers(client: httpx.AsyncClient) -> None:
    for _ in range(300):
        try:
            await client.get("/health/live")
            return
        except httpx.TransportError:
            await asyncio.sleep(0.1)
    raise SystemExit("the service does not answer")


async def _order(client: httpx.AsyncClient) -> str:
    asked = {"name": "bench", "base_model": "base", "source": {"pages": "p"}}
    answer = await client.post("/api/v1/orders", json={"action": "finetune", "parameters": asked})
    return str(answer.json()["id"])


def _make_run(order: OrderFolder) -> Path:
    out = order.runs / "20260101-000000-bench" / "out"
    out.mkdir(parents=True)
    (out.parent / "run.json").write_text("{}", encoding="utf-8")
    order.write_state(OrderState(stage=Stage.TRAINING, since=utc_now_exactly()))
    events = out / "events.jsonl"
    for number in range(_EVENTS_BEFORE):
        _write(events, number, Step(1, number, _EVENTS_BEFORE, 1.0, 10.0) if number else Phase("training"))
    return events


def _write(events: Path, seq: int, payload: Step | Phase) -> None:
    with events.open("ab") as file:
        file.write(encode_event(Event(seq, time.time(), "bench", payload)))


async def _follow(client: httpx.AsyncClient, order_id: str, counts: list[int], number: int) -> None:
    async with client.stream("GET", f"/api/v1/orders/{order_id}/events", timeout=None) as answer:
        async for line in answer.aiter_lines():
            counts[number] += line.startswith("id: ")


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--followers", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(measure(arguments.followers, Path(folder)))))


if __name__ == "__main__":
    main()
