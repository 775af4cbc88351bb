"""Numbers for Prometheus: how many, how long; never whose, never what."""

import time
from collections import Counter as Counts

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from loghi_runner.orders.order_book import OrderBook
from loghi_runner.orders.orders import Stage
from loghi_runner.orders.state import StateFolder

_ROUTE_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Metrics:
    """One set for each app, so that two in one program (tests) do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "loghi_http_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "loghi_http_seconds", "From the first byte asked to the last byte sent.", registry=self._registry
        )
        self._orders = Gauge("loghi_orders", "Orders by stage.", ["stage"], registry=self._registry)
        self._followers = Gauge("loghi_followers", "Connections that follow an order.", registry=self._registry)
        self._worker_age = Gauge(
            "loghi_worker_seconds", "Since the worker last looked at the orders; -1: never.", registry=self._registry
        )

    def note_request(self, method: str, route: str, status: int, seconds: float) -> None:
        # anybody can invent methods and paths: both come from closed lists here
        known = method if method in _ROUTE_METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.observe(seconds)

    def note_follower(self, change: int) -> None:
        self._followers.inc(change)

    def text(self, book: OrderBook, state: StateFolder) -> bytes:
        counts = dict.fromkeys(Stage, 0) | Counts(book.state_of(order.id).stage for order in book.all())
        for stage, count in counts.items():
            self._orders.labels(stage.value).set(count)
        age = worker_age_s(state)
        self._worker_age.set(-1 if age is None else age)
        return generate_latest(self._registry)


def worker_age_s(state: StateFolder) -> float | None:
    """Seconds since a worker last looked at all orders; None when none ever did."""
    try:
        return max(0.0, time.time() - state.worker_beat.stat().st_mtime)
    except OSError:
        return None
