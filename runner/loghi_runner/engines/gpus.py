"""Which graphics card a run gets, and what TensorFlow can do with it. Cards are named by UUID: their numbers change."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from loghi_contract.job import DeviceKind
from loghi_runner.errors import EngineError
from loghi_runner.files import cache_folder
from loghi_runner.findings import Finding, Severity
from loghi_runner.installed import pip_install

#: What `engine.gpus` can be: a free card, none, how many, or which by UUID.
GpuRequest: TypeAlias = Literal["auto", "none"] | int | tuple[str, ...]

#: The compute capabilities that TensorFlow 2.21 has ready kernels for, the lowest and the highest. Older cards it
#: leaves alone; for newer ones the driver compiles its kernels at the first start.
#: Source: `cuda_compute_capabilities` in the build information of tensorflow 2.21.0 (`make test-cuda` compares).
OLDEST_CAPABILITY = (6, 0)
NEWEST_CAPABILITY = (9, 0)

# TensorFlow's kernels take more than the 256 MB or 1 GB that CUDA keeps by itself
_MOST_KERNEL_BYTES = 4 << 30


@dataclass(frozen=True)
class Card:
    """A card, or a part of a divided one (MIG). `processes` counts the programs that compute on it, everybody's.

    `place` is its number, or `number:part`; `capability` is CUDA's, None where the driver does not tell.
    """

    uuid: str
    name: str
    memory_mb: int
    free_memory_mb: int
    processes: int
    place: str = "0"
    capability: tuple[int, int] | None = None

    @property
    def capability_words(self) -> str | None:
        return None if self.capability is None else ".".join(map(str, self.capability))

    @property
    def is_free(self) -> bool:
        return self.processes == 0

    @property
    def is_too_old(self) -> bool:
        return self.capability is not None and self.capability < OLDEST_CAPABILITY


@dataclass(frozen=True)
class Cards:
    """The cards this process may use; `reason` says why there are none, "" when there are some.

    `lost` has a sentence for each card that does not answer. `hidden` are cards of this machine that were given to
    others, as `limit` says, such as "CUDA_VISIBLE_DEVICES=1".
    """

    cards: tuple[Card, ...]
    reason: str
    driver: str | None = None
    lost: tuple[str, ...] = ()
    hidden: tuple[Card, ...] = ()
    limit: str = ""


@dataclass(frozen=True)
class DeviceChoice:
    """What a run computes on. `warning` says that it is not what one would expect, or that a card is shared."""

    kind: DeviceKind
    sentence: str
    warning: bool = False
    card: Card | None = None
    driver: str | None = None

    @property
    def uuids(self) -> tuple[str, ...]:
        return () if self.card is None else (self.card.uuid,)


#: What an engine computes on that cannot say it.
NOT_KNOWN = DeviceChoice(DeviceKind.CPU, "not known")


def choose_device(request: GpuRequest, found: Cards, why_not: str = "") -> DeviceChoice:
    """What `engine.gpus` means on this machine now: one card, the freest of those that fit, or none.

    Args:
        why_not: why the engine can compute on no card; "" where it can.

    Raises:
        EngineError: a card was asked for by number or UUID, and is not there or cannot be used.
    """
    if request == "none" or request == 0:
        return DeviceChoice(DeviceKind.CPU, "CPU, as asked for (gpus: none)")
    if request == "auto":
        choice = _freest_or_cpu(found)
    else:
        choice = _chosen(_most_free(found, request) if isinstance(request, int) else _by_uuid(found, request), found)
    if choice.kind is DeviceKind.CPU or not why_not:
        return choice
    if request == "auto":
        return _only_cpu(f"{why_not}, not even {choice.sentence}")
    message = f"the config asks for a graphics card, and {why_not}"
    hint = f"{with_cuda()} To train on the CPU, write `gpus: none`."
    raise EngineError("engine.local_without_cuda", message, where="engine.gpus", hint=hint)


def _freest_or_cpu(found: Cards) -> DeviceChoice:
    free = [card for card in _by_freedom(found.cards) if card.is_free and not card.is_too_old]
    if free:
        return _chosen(free[:1], found)
    if not found.cards:
        return _only_cpu(found.reason)
    if all(card.is_too_old for card in found.cards):
        return _only_cpu(f"the {found.cards[0].name} is too old for TensorFlow")
    count = "the only card is" if len(found.cards) == 1 else f"all {len(found.cards)} cards are"
    return _only_cpu(f"{count} in use by others{_of_those(found)} (gpus: 1 would share the freest)")


def _only_cpu(why: str) -> DeviceChoice:
    return DeviceChoice(DeviceKind.CPU, f"CPU: {why}", warning=True)


def _most_free(found: Cards, count: int) -> list[Card]:
    if len(found.cards) < count:
        wanted = "a graphics card" if count == 1 else f"{count} graphics cards"
        why = f"There is no card: {found.reason}. " if found.reason else ""
        message = f"the config asks for {wanted}, this machine has {len(found.cards) or 'none'}{_of_those(found)}"
        hint = f"{why}`loghi-runner doctor` lists the cards. To train on the CPU, write `gpus: none`."
        raise EngineError("gpu.too_few", message, where="engine.gpus", hint=hint)
    return _by_freedom(found.cards)[:count]


def _by_uuid(found: Cards, uuids: tuple[str, ...]) -> list[Card]:
    known = {card.uuid: card for card in found.cards}
    missing = [uuid for uuid in uuids if uuid not in known]
    if missing:
        there = ", ".join(f"{card.uuid} ({card.name})" for card in found.cards)
        here = f"Cards here: {there}." if there else f"There is no card: {found.reason}."
        is_hidden = any(card.uuid == missing[0] for card in found.hidden)
        raise EngineError(
            "gpu.not_there",
            f"the card {missing[0]} is not {'left to this run' if is_hidden else 'in this machine'}{_of_those(found)}",
            where="engine.gpus",
            hint=f"{here} To train on the CPU, write `gpus: none`.",
        )
    return _by_freedom(tuple(known[uuid] for uuid in uuids))


def _chosen(wanted: list[Card], found: Cards) -> DeviceChoice:
    card, asked = wanted[0], len(wanted)
    sentence = f"GPU {card.name} ({card.free_memory_mb // 1024} GB free, {card.uuid[:12]})"
    if len(found.cards) > 1:
        sentence += f", the freest of {asked if asked > 1 else len(found.cards)}"
    sentence += _of_those(found)
    if not card.is_free:
        programs = card.processes
        sentence += f"; {programs} other program{'s compute' if programs > 1 else ' computes'} on it too"
    if asked > 1:
        sentence += f"; {asked} were asked for, but a run computes on one: the others stay free"
    sentence += "".join(f"; {lost}" for lost in found.lost)
    return DeviceChoice(DeviceKind.GPU, sentence, warning=asked > 1 or not card.is_free, card=card, driver=found.driver)


def _of_those(found: Cards) -> str:
    return f" (of those that {found.limit} gives)" if found.limit else ""


def _by_freedom(cards: tuple[Card, ...]) -> list[Card]:
    return sorted(cards, key=lambda card: (card.is_too_old, card.processes, -card.free_memory_mb))


def with_cuda() -> str:
    """How the engine local comes by a TensorFlow that can use cards."""
    return f"In a fresh virtual environment: {pip_install('cuda')}; or use the engine docker."


def check_card(card: Card | None, *, own_image: bool) -> tuple[Finding, ...]:
    """What is to be known of the chosen card before a run on it.

    Args:
        own_image: whether it runs with the TensorFlow of this version, whose kernels are known.
    """
    if card is None or card.capability is None or not own_image:
        return ()
    if card.is_too_old:
        message = (
            f"the {card.name} ({_version(card.capability)}) is too old for TensorFlow, which needs "
            f"{_version(OLDEST_CAPABILITY)} or later"
        )
        hint = "Name another card, or train on the CPU: `gpus: none`."
        return (Finding(Severity.ERROR, "gpu.too_old", message, "engine.gpus", hint),)
    if card.capability[0] > NEWEST_CAPABILITY[0]:
        message = (
            f"the {card.name} ({_version(card.capability)}) is newer than this TensorFlow: the driver compiles its "
            "kernels from PTX at the first start, which can take half an hour; later runs find them ready"
        )
        return (Finding(Severity.INFO, "gpu.first_start", message, "engine.gpus"),)
    return ()


def _version(capability: tuple[int, int]) -> str:
    return f"compute capability {capability[0]}.{capability[1]}"


def kernel_cache() -> Path | None:
    """Where the graphics driver keeps kernels that it compiled, so that the next run need not wait for them again.

    For a card newer than TensorFlow's own kernels that is half an hour at each start. The folder is the account's,
    made if need be; None where none can be made, and the run goes without.
    """
    try:
        folder = cache_folder() / "cuda"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a closed home, or none at all
        return None
    return folder


def kernel_cache_variables(place: str) -> dict[str, str]:
    """What tells CUDA to use it; `place` is the folder as the trainer sees it.

    Source: CUDA C++ Programming Guide, "CUDA Environment Variables" (CUDA_CACHE_PATH, CUDA_CACHE_MAXSIZE).
    """
    return {"CUDA_CACHE_PATH": place, "CUDA_CACHE_MAXSIZE": str(_MOST_KERNEL_BYTES)}
