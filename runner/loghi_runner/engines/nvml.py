"""The NVIDIA driver asked for its cards, each by itself: one that does not answer leaves the others usable."""

import os
from collections.abc import Iterator, Mapping
from typing import Any  # NVML's handles are opaque

import pynvml

from loghi_runner.engines.given_cards import given_cards
from loghi_runner.engines.gpus import Card, Cards, DeviceChoice, GpuRequest, choose_device

_MIB = 1024 * 1024


def list_cards(environment: Mapping[str, str] | None = None) -> Cards:
    """The cards that this process may use; a machine without an NVIDIA driver has none.

    Args:
        environment: where a scheduler says which cards it gave; this process's own by default.
    """
    return given_cards(_all_cards(), os.environ if environment is None else environment)


def choose_here(request: GpuRequest, why_not: str = "") -> DeviceChoice:
    """What a run computes on, by the cards of this machine as they are now; as `choose_device`."""
    return choose_device(request, list_cards(), why_not)


def _all_cards() -> Cards:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Cards((), _no_driver_reason(error))
    cards: list[Card] = []
    lost: list[str] = []
    try:
        count = pynvml.nvmlDeviceGetCount()
        driver = str(pynvml.nvmlSystemGetDriverVersion())
        for index in range(count):
            try:
                cards += _cards_of(pynvml.nvmlDeviceGetHandleByIndex(index), str(index))
            except pynvml.NVMLError as error:
                lost.append(f"card {index} does not answer ({error})")
    except pynvml.NVMLError as error:
        return Cards((), f"the NVIDIA driver does not answer ({error})")
    finally:
        pynvml.nvmlShutdown()
    reason = "" if cards else "; ".join(lost) or "the NVIDIA driver sees no graphics card"
    return Cards(tuple(cards), reason, driver, tuple(lost))


def _cards_of(handle: Any, place: str) -> Iterator[Card]:
    """The card, or its parts where it was divided (MIG): CUDA can use the parts only."""
    capability = _capability(handle)
    parts = list(_parts(handle))
    if not parts:
        yield _card(handle, place, capability)
    for number, part in enumerate(parts):
        yield _card(part, f"{place}:{number}", capability)


def _parts(handle: Any) -> Iterator[Any]:
    try:
        divided, _ = pynvml.nvmlDeviceGetMigMode(handle)
        most = pynvml.nvmlDeviceGetMaxMigDeviceCount(handle) if divided == pynvml.NVML_DEVICE_MIG_ENABLE else 0
    except pynvml.NVMLError:
        return  # most cards, and older drivers, know nothing of it
    for number in range(most):
        try:
            yield pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
        except pynvml.NVMLError:
            continue  # fewer parts were made than could be


def _card(handle: Any, place: str, capability: tuple[int, int] | None) -> Card:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    try:
        processes = len(pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    except pynvml.NVMLError:
        # some cards, their parts, and WSL do not tell; memory in use tells then
        processes = 0 if memory.used < memory.total // 20 else 1
    return Card(
        uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
        name=str(pynvml.nvmlDeviceGetName(handle)),
        memory_mb=memory.total // _MIB,
        free_memory_mb=memory.free // _MIB,
        processes=processes,
        place=place,
        capability=capability,
    )


def _capability(handle: Any) -> tuple[int, int] | None:
    try:
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    except pynvml.NVMLError:
        return None
    return int(major), int(minor)


def _no_driver_reason(error: pynvml.NVMLError) -> str:
    if error.value == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
        return "this machine has no NVIDIA driver"
    if error.value == pynvml.NVML_ERROR_DRIVER_NOT_LOADED:
        return "the NVIDIA driver is installed but not loaded"
    if error.value == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return "the NVIDIA driver was updated and the machine not restarted since"
    return f"the NVIDIA driver does not answer ({error})"
