"""Which graphics cards there are, and which of them a run gets. Cards are named by UUID: their numbers change."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import pynvml

from loghi_contract.job import DeviceKind
from loghi_runner.errors import EngineError

_MIB = 1024 * 1024

#: What `engine.gpus` can be: a free card, none, how many, or which by UUID.
GpuRequest: TypeAlias = Literal["auto", "none"] | int | tuple[str, ...]


@dataclass(frozen=True)
class Card:
    """`processes` counts the programs that compute on it, everybody's."""

    uuid: str
    name: str
    memory_mb: int
    free_memory_mb: int
    processes: int

    @property
    def is_free(self) -> bool:
        return self.processes == 0


@dataclass(frozen=True)
class Cards:
    """The machine's cards; `reason` says why there are none, "" when there are some."""

    cards: tuple[Card, ...]
    reason: str
    driver: str | None = None


@dataclass(frozen=True)
class DeviceChoice:
    """What a run computes on. `warning` says that it is not what one would expect, or that a card is shared."""

    kind: DeviceKind
    uuids: tuple[str, ...]
    sentence: str
    warning: bool = False


def list_cards() -> Cards:
    """Ask the NVIDIA driver; a machine without one has no cards."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Cards((), _no_driver_reason(error))
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        cards = tuple(_card(handle) for handle in handles)
        driver = str(pynvml.nvmlSystemGetDriverVersion())
    except pynvml.NVMLError as error:
        return Cards((), f"the NVIDIA driver does not answer ({error})")
    finally:
        pynvml.nvmlShutdown()
    return Cards(cards, "" if cards else "the NVIDIA driver sees no graphics card", driver)


def choose_device(request: GpuRequest, found: Cards) -> DeviceChoice:
    """What `engine.gpus` means on this machine now.

    Raises:
        EngineError: a card was asked for by number or UUID and is not there.
    """
    if request == "none" or request == 0:
        return DeviceChoice(DeviceKind.CPU, (), "CPU, as asked for (gpus: none)")
    if request == "auto":
        return _freest_or_cpu(found)
    wanted = _most_free(found.cards, request) if isinstance(request, int) else _by_uuid(found, request)
    return _chosen(wanted, len(found.cards))


def _freest_or_cpu(found: Cards) -> DeviceChoice:
    free = [card for card in _by_freedom(found.cards) if card.is_free]
    if free:
        return _chosen(free[:1], len(found.cards))
    if not found.cards:
        return DeviceChoice(DeviceKind.CPU, (), f"CPU: {found.reason}", warning=True)
    count = "the only card is" if len(found.cards) == 1 else f"all {len(found.cards)} cards are"
    return DeviceChoice(
        DeviceKind.CPU, (), f"CPU: {count} in use by others (gpus: 1 would share the freest)", warning=True
    )


def _most_free(cards: tuple[Card, ...], count: int) -> list[Card]:
    if len(cards) < count:
        wanted = "a graphics card" if count == 1 else f"{count} graphics cards"
        raise EngineError(
            "gpu.too_few",
            f"the config asks for {wanted}, this machine has {len(cards) or 'none'}",
            where="engine.gpus",
            hint="`loghi-runner doctor` lists the cards. To train on the CPU, write `gpus: none`.",
        )
    return _by_freedom(cards)[:count]


def _by_uuid(found: Cards, uuids: tuple[str, ...]) -> list[Card]:
    known = {card.uuid: card for card in found.cards}
    missing = [uuid for uuid in uuids if uuid not in known]
    if missing:
        there = ", ".join(f"{card.uuid} ({card.name})" for card in found.cards)
        here = f"Cards here: {there}." if there else f"There is no card: {found.reason}."
        raise EngineError(
            "gpu.not_there",
            f"the card {missing[0]} is not in this machine",
            where="engine.gpus",
            hint=f"{here} To train on the CPU, write `gpus: none`.",
        )
    return [known[uuid] for uuid in uuids]


def _chosen(cards: list[Card], of: int) -> DeviceChoice:
    names = ", ".join(f"{card.name} ({card.free_memory_mb // 1024} GB free, {card.uuid[:12]})" for card in cards)
    shared = [card for card in cards if not card.is_free]
    sentence = f"GPU {names}" + (f", the freest of {of}" if of > len(cards) else "")
    if shared:
        programs = sum(card.processes for card in shared)
        sentence += f"; {programs} other program{'s compute' if programs > 1 else ' computes'} on it too"
    return DeviceChoice(DeviceKind.GPU, tuple(card.uuid for card in cards), sentence, warning=bool(shared))


def _by_freedom(cards: tuple[Card, ...]) -> list[Card]:
    return sorted(cards, key=lambda card: (card.processes, -card.free_memory_mb))


def _card(handle: object) -> Card:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    try:
        processes = len(pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    except pynvml.NVMLError:
        # some cards and WSL do not tell; memory in use tells then
        processes = 0 if memory.used < memory.total // 20 else 1
    return Card(
        uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
        name=str(pynvml.nvmlDeviceGetName(handle)),
        memory_mb=memory.total // _MIB,
        free_memory_mb=memory.free // _MIB,
        processes=processes,
    )


def _no_driver_reason(error: pynvml.NVMLError) -> str:
    if error.value == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
        return "this machine has no NVIDIA driver"
    if error.value == pynvml.NVML_ERROR_DRIVER_NOT_LOADED:
        return "the NVIDIA driver is installed but not loaded"
    if error.value == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return "the NVIDIA driver was updated and the machine not restarted since"
    return f"the NVIDIA driver does not answer ({error})"
