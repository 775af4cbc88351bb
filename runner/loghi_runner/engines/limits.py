"""How much of a machine a run's container may take: never all of its memory, nor all of its processors."""

from collections.abc import Mapping
from typing import Any  # the daemon's answers are JSON

#: So many processors a machine must have before one of them is kept free.
_MANY_PROCESSORS = 4


def memory_limit(info: Mapping[str, Any], asked: int | None) -> int | None:
    """Bytes the container may take; None where the daemon cannot limit it.

    Args:
        info: the daemon's answer to `info`.
        asked: what the config says; without it, four fifths of the machine's memory.
    """
    if not info.get("MemoryLimit"):
        return None
    return asked or int(info["MemTotal"]) * 4 // 5


def host_limits(info: Mapping[str, Any], memory_bytes: int | None) -> dict[str, Any]:
    """What the container's host settings are given."""
    limits: dict[str, Any] = {}
    if memory_bytes is not None and info.get("MemoryLimit"):
        # memory and swap together: a trainer that swaps is slower than one that ends, and takes its neighbours along
        limits |= {"mem_limit": memory_bytes, "memswap_limit": memory_bytes}
    processors = int(info.get("NCPU") or 0)
    if info.get("CpuCfsQuota") and processors >= _MANY_PROCESSORS:
        limits["nano_cpus"] = (processors - 1) * 10**9
    return limits
