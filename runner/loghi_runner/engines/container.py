"""What a run's container is: who it runs as, what it sees, and all that it may not do, as Docker's API is told."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any  # the API takes JSON

from loghi_contract.places import LEASES_DIR
from loghi_runner.engines.base import Launch
from loghi_runner.engines.gpus import kernel_cache_variables
from loghi_runner.errors import EngineError

#: The label that says which run a container belongs to.
RUN_LABEL = "org.loghi-runner.run"

#: How long `docker stop` and a daemon that shuts down wait for the trainer to save.
STOP_GRACE_S = 120

#: The code of the daemon's answer that it knows no driver for cards.
NO_CARD_DRIVER = "engine.gpu_no_toolkit"

_GIB = 1 << 30
_TMP_OPTIONS = f"rw,nosuid,nodev,noexec,mode=1777,size={_GIB}"
# TensorFlow's thread pools grow with the machine's cores
_PIDS_LIMIT = 4096
_LOG_OPTIONS = {"max-size": "20m", "max-file": "3"}
_KERNEL_CACHE = "/cuda_cache"
# so many processors a machine must have before one of them is kept free
_MANY_PROCESSORS = 4


class CardsBy(str, Enum):
    """How a daemon is asked for cards: by the NVIDIA toolkit's own driver, or by the list of devices (CDI)."""

    TOOLKIT = "nvidia"
    CDI = "cdi"


@dataclass(frozen=True)
class Way:
    """One way to start a run with what differs between machines.

    `kernel_cache` is a folder of this machine; `leases` are the lock files that the trainer is to hold.
    """

    cards_by: CardsBy = CardsBy.TOOLKIT
    kernel_cache: Path | None = None
    leases: tuple[Path, ...] = ()

    def instead(self, error: EngineError) -> "Way | None":
        """Another way, when this one failed for a reason that the other does not have."""
        if error.code == NO_CARD_DRIVER and self.cards_by is CardsBy.TOOLKIT:
            return replace(self, cards_by=CardsBy.CDI)
        # a home on a network disk is often closed to the daemon; the run needs nothing else of it
        unmountable = error.code in ("engine.mount_missing", "engine.mount_permission")
        if unmountable and self.kernel_cache is not None and str(self.kernel_cache) in error.message:
            return replace(self, kernel_cache=None)
        if unmountable and any(str(path) in error.message for path in self.leases):
            return replace(self, leases=())  # the host holds them itself, as long as it lives
        return None


def container_name(run_id: str) -> str:
    return f"loghi-{run_id}"


def container_settings(launch: Launch, way: Way, info: Mapping[str, Any]) -> dict[str, Any]:
    """What `create_container` is given, but for the host's part; `info` is the daemon's answer to `info`."""
    variables = {"NVIDIA_VISIBLE_DEVICES": ",".join(launch.gpus) or "void"}
    if way.kernel_cache is not None:
        variables |= kernel_cache_variables(_KERNEL_CACHE)
    return {
        "image": launch.image,
        "name": container_name(launch.run_id),
        "user": _user(info),
        "labels": {RUN_LABEL: launch.run_id},
        "environment": variables,
        "stop_signal": "SIGINT",
        "stop_timeout": STOP_GRACE_S,
        "use_config_proxy": False,
    }


def host_settings(launch: Launch, way: Way, info: Mapping[str, Any]) -> dict[str, Any]:
    """What `create_host_config` is given."""
    mounts = [_bind(mount.source, str(mount.target), read_only=mount.read_only) for mount in launch.mounts]
    if way.kernel_cache is not None:
        mounts.append(_bind(way.kernel_cache, _KERNEL_CACHE, read_only=False))
    mounts += [_bind(path, f"{LEASES_DIR}/{number}", read_only=True) for number, path in enumerate(way.leases)]
    return {
        "mounts": mounts,
        "device_requests": _device_requests(launch.gpus, way.cards_by),
        "network_mode": "none",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "tmpfs": {"/tmp": _TMP_OPTIONS},  # noqa: S108  # the container's own
        "shm_size": _GIB,
        "pids_limit": _PIDS_LIMIT,
        "init": True,
        "log_config": {"Type": "json-file", "Config": _LOG_OPTIONS},
        # a daemon with a user namespace of its own would turn the caller's id into another one
        "userns_mode": "host" if _is_secured_by("userns", info) else None,
        "group_add": _groups(info),
        **_limits(launch, info),
    }


def memory_limit(info: Mapping[str, Any], asked: int | None) -> int | None:
    """Bytes the container may take; None where the daemon cannot limit it.

    Args:
        info: the daemon's answer to `info`.
        asked: what the config says; without it, four fifths of the machine's memory.
    """
    if not info.get("MemoryLimit"):
        return None
    return asked or int(info["MemTotal"]) * 4 // 5


def _limits(launch: Launch, info: Mapping[str, Any]) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if launch.memory_bytes is not None and info.get("MemoryLimit"):
        # memory and swap together: a trainer that swaps is slower than one that ends, and takes its neighbours along
        limits |= {"mem_limit": launch.memory_bytes, "memswap_limit": launch.memory_bytes}
    processors = int(info.get("NCPU") or 0)
    if info.get("CpuCfsQuota") and processors >= _MANY_PROCESSORS:
        limits["nano_cpus"] = (processors - 1) * 10**9
    return limits


def is_rootless(info: Mapping[str, Any]) -> bool:
    return _is_secured_by("rootless", info)


def _is_secured_by(name: str, info: Mapping[str, Any]) -> bool:
    return any(option.startswith(f"name={name}") for option in info.get("SecurityOptions") or ())


def _bind(source: Path, target: str, *, read_only: bool) -> dict[str, Any]:
    return {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": read_only}


def _user(info: Mapping[str, Any]) -> str:
    """The caller inside the container; a rootless daemon's root *is* the caller."""
    return "0:0" if is_rootless(info) else f"{os.getuid()}:{os.getgid()}"


def _groups(info: Mapping[str, Any]) -> list[str | int]:
    """The caller's further groups: shared data is often readable by a group only."""
    return [] if is_rootless(info) else [str(group) for group in os.getgroups() if group != os.getgid()]


def _device_requests(gpus: tuple[str, ...], cards_by: CardsBy) -> list[dict[str, Any]] | None:
    """By UUID: indices change with the order in which a machine finds its cards. Inside they are always 0, 1, ..."""
    if not gpus:
        return None
    if cards_by is CardsBy.CDI:
        return [{"driver": "cdi", "device_ids": [f"nvidia.com/gpu={uuid}" for uuid in gpus]}]
    return [{"driver": "nvidia", "device_ids": list(gpus), "capabilities": [["gpu"]]}]
