"""The time as it is written down: UTC, ISO 8601."""

import time
from datetime import UTC, datetime


def utc_now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def seconds_since(utc: str) -> float:
    """Of a time as it is written down."""
    return (datetime.now(UTC) - datetime.fromisoformat(utc)).total_seconds()


def utc_now_exactly() -> str:
    """With parts of a second, unlike a run's times: the queue of orders is sorted by them."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
