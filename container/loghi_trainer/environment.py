"""What must stand before the framework is imported: variables, and how memory is given back."""

import ctypes
import gc
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

from loghi_contract.job import DeviceKind

_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4


def environment_for(device: DeviceKind) -> dict[str, str]:
    """The variables for a run on `device`; a backend named by the user stays."""
    settings = {
        "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "tensorflow"),
        # its warnings say why it uses no card, or takes long to start: they belong into console.log
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1"),
        # neighbours on the card need their share of its memory
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    if device is DeviceKind.CPU:
        settings |= {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    return settings


def keep_freed_memory() -> None:
    """Let the C library keep the memory of freed tensors for the next step instead of giving it back at once.

    Each step frees and takes the same hundreds of megabytes; without this a fifth of the processor time on a CPU goes
    into pages that the kernel hands out and clears again. Does nothing where the C library is not glibc.

    Source: mallopt(3), M_MMAP_MAX and M_TRIM_THRESHOLD.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def memory_limit() -> str | None:
    """What a shell or a scheduler allows this process (`ulimit -v`), as part of a sentence; None without a limit.

    Programs seldom survive it with a word: where an allocation fails deep in a library, the process crashes.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    return f"a process may take {limit // 1_000_000} MB here (`ulimit -v`)"


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Import the framework within: Python does not look through its million objects for garbage, then or later.

    Without this a fifth of the time of the import goes into looking.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
