"""The cards of this machine: those the NVIDIA driver tells of, each asked by itself, and those left to this process."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any  # NVML's handles are opaque

import pynvml

from loghi_runner.engines.gpus import Card, Cards

_MIB = 1024 * 1024
# the first that is set decides. CUDA's counts the cards this process can see, the others all of the machine's.
_VARIABLES = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "SLURM_JOB_GPUS")
_RELATIVE = "CUDA_VISIBLE_DEVICES"
# what the driver, or an older driver's library, answers to a question it cannot answer
_NOT_TOLD = (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError)


def list_cards(environment: Mapping[str, str] | None = None) -> Cards:
    """The cards that this process may use; a machine without an NVIDIA driver has none.

    Args:
        environment: where a scheduler says which cards it gave; this process's own by default.
    """
    return given_cards(_all_cards(), os.environ if environment is None else environment)


def lost_cards(uuids: Collection[str]) -> str:
    """What the driver says of cards that a run had and that are gone now; "" where all of them are there."""
    found = _all_cards()
    there = {card.uuid for card in found.cards}
    if not uuids or there.issuperset(uuids):
        return ""
    return "; ".join(found.lost) or found.reason or "the NVIDIA driver no longer knows the card"


def given_cards(found: Cards, environment: Mapping[str, str]) -> Cards:
    """The cards that the environment names; all where it names none, as on a machine of one's own.

    Source: CUDA C++ Programming Guide, "CUDA Environment Variables"; NVIDIA Container Toolkit, "Docker Specialized
    Configurations"; Slurm, "Generic Resource (GRES) Scheduling".
    """
    variable = next((name for name in _VARIABLES if _says_something(name, environment.get(name))), None)
    if variable is None or not found.cards:
        return found
    value = environment[variable].strip()
    wanted = [part.strip() for part in value.split(",") if part.strip()]
    if variable != _RELATIVE and len(wanted) == len(found.cards):
        return found  # a scheduler that hides the other cards leaves exactly these, counted anew
    given = tuple(card for card in found.cards if any(_means(part, card) for part in wanted))
    if not given:
        few = "the only card" if len(found.cards) == 1 else f"all {len(found.cards)} cards"
        reason = f"{variable}={value} leaves out {few} of this machine"
        return replace(found, cards=(), reason=reason, hidden=found.cards)
    hidden = tuple(card for card in found.cards if card not in given)
    return replace(found, cards=given, hidden=hidden, limit=f"{variable}={value}" if hidden else "")


def energy_j(uuids: Sequence[str]) -> float | None:
    """What these cards have taken in all since their driver was loaded, in joules, whoever computed on them.

    None where one of them does not tell: parts of divided cards, and cards before Volta. What a run took is the
    difference of two readings.
    """
    try:
        pynvml.nvmlInit()
    except _NOT_TOLD:
        return None
    try:
        cards = [pynvml.nvmlDeviceGetHandleByUUID(uuid) for uuid in uuids]
        return sum(pynvml.nvmlDeviceGetTotalEnergyConsumption(card) for card in cards) / 1000 if cards else None
    except _NOT_TOLD:
        return None
    finally:
        pynvml.nvmlShutdown()


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
            except _NOT_TOLD as error:
                lost.append(f"card {index} does not answer ({error})")
    except _NOT_TOLD as error:
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
    except _NOT_TOLD:
        return  # most cards, and older drivers, know nothing of it
    for number in range(most):
        try:
            yield pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
        except _NOT_TOLD:
            continue  # fewer parts were made than could be


def _card(handle: Any, place: str, capability: tuple[int, int] | None) -> Card:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    try:
        pids = tuple(sorted({process.pid for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)}))
        drawing = _drawing(handle)
        pids = tuple(pid for pid in pids if pid not in drawing)
        processes = len(pids)
    except _NOT_TOLD:
        # some cards, their parts, and WSL do not tell; memory in use tells then: a desktop takes less, a training more
        pids, processes = (), int(memory.used >= memory.total // 4)
    return Card(
        uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
        name=str(pynvml.nvmlDeviceGetName(handle)),
        memory_mb=memory.total // _MIB,
        free_memory_mb=memory.free // _MIB,
        processes=processes,
        place=place,
        capability=capability,
        pids=pids,
        utilisation=_utilisation(handle),
    )


def _drawing(handle: Any) -> set[int]:
    """Programs that draw on the card. Desktops are told as computing, too, where their effects use CUDA or Vulkan."""
    try:
        return {process.pid for process in pynvml.nvmlDeviceGetGraphicsRunningProcesses(handle)}
    except _NOT_TOLD:
        return set()


def _utilisation(handle: Any) -> int | None:
    try:
        return int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except _NOT_TOLD:
        return None  # parts of a divided card have none


def _capability(handle: Any) -> tuple[int, int] | None:
    try:
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    except _NOT_TOLD:
        return None
    return int(major), int(minor)


def _no_driver_reason(error: pynvml.NVMLError) -> str:
    reasons = {
        pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "this machine has no NVIDIA driver",
        pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "the NVIDIA driver is installed but not loaded",
        pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "the NVIDIA driver was updated and the machine not restarted since",
    }
    return reasons.get(error.value, f"the NVIDIA driver does not answer ({error})")


def _says_something(variable: str, value: str | None) -> bool:
    if value is None or value.strip() == "all":
        return False
    # an empty CUDA_VISIBLE_DEVICES hides every card; the others mean nothing then
    return variable == _RELATIVE or bool(value.strip())


def _means(part: str, card: Card) -> bool:
    """A part is a card's number, `number:part` of a divided one, or the beginning of a UUID."""
    if part.startswith(("GPU-", "MIG-")):
        return card.uuid.startswith(part)
    return part in (card.place, card.place.partition(":")[0])
