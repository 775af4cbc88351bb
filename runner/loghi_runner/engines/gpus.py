"""Which graphics card a run gets, and what TensorFlow can do with it. Cards are named by UUID: their numbers change."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from loghi_contract.job import DeviceKind
from loghi_runner.errors import EngineError
from loghi_runner.files import cache_folder
from loghi_runner.findings import Finding, Severity
from loghi_runner.installed import pip_install
from loghi_runner.wording import plural

#: What `engine.gpus` can be: a free card, one or else the processor, none, how many, or which by UUID.
GpuRequest: TypeAlias = Literal["auto", "auto-or-cpu", "none"] | int | tuple[str, ...]

#: The compute capabilities that TensorFlow 2.21 has ready kernels for, the lowest and the highest. Older cards it
#: leaves alone; for newer ones the driver compiles its kernels at the first start.
#: Source: `cuda_compute_capabilities` in the build information of tensorflow 2.21.0 (`make test-cuda` compares).
OLDEST_CAPABILITY = (6, 0)
NEWEST_CAPABILITY = (9, 0)

#: The oldest driver for the CUDA 12 that TensorFlow 2.21 was built with.
#: Source: CUDA Compatibility, "CUDA Toolkit and Minimum Required Driver Version for CUDA Minor Version Compatibility".
OLDEST_DRIVER = (525, 60, 13)

#: What must be free on a card where nothing is known of the run: CUDA and its libraries take about half of it, and a
#: step's parts fit into the rest. A desktop's picture leaves more on any card that TensorFlow can use.
LEAST_FREE_MB = 2048
#: CUDA's own part, which the trainer does not count when it tells how much it held.
_CONTEXT_MB = 700

# TensorFlow's kernels take more than the 256 MB or 1 GB that CUDA keeps by itself
_MOST_KERNEL_BYTES = 4 << 30


@dataclass(frozen=True)
class Card:
    """A card, or a part of a divided one (MIG). `processes` counts the programs that compute on it, everybody's.

    A program that only draws on it, such as a desktop, is none of them. `pids` names those that the driver names.
    `place` is its number, or `number:part`; `capability` is CUDA's, None where the driver does not tell.
    """

    uuid: str
    name: str
    memory_mb: int
    free_memory_mb: int
    processes: int
    place: str = "0"
    capability: tuple[int, int] | None = None
    pids: tuple[int, ...] = ()
    #: percent of the last second in which it computed; None where the driver does not tell
    utilisation: int | None = None

    def lack(self, measured_mb: int | None = None) -> str:
        """Why it is not free for a run, "" where it is, as far as the driver tells.

        Args:
            measured_mb: what the same training held on a card of this machine before, None where it is not known.
        """
        if self.processes:
            return f"{plural(self.processes, 'program')} {'compute' if self.processes > 1 else 'computes'} on it"
        needed = self.needed_mb(measured_mb)
        if self.free_memory_mb >= needed:
            return ""
        return f"only {self.free_memory_mb / 1024:.1f} GB of its memory are free, and {needed / 1024:.1f} GB are needed"

    def needed_mb(self, measured_mb: int | None) -> int:
        """What must be free on it: what was measured, if this card can ever have that; else as little as may do."""
        least = min(LEAST_FREE_MB, self.memory_mb * 3 // 4)
        if measured_mb is None or measured_mb + _CONTEXT_MB > self.memory_mb * 9 // 10:
            return least
        return max(least, measured_mb + _CONTEXT_MB)

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
    """What a run computes on. `warning` says that it is not what one would expect.

    `candidates` are cards of this machine of which any `count` will do; `cards` are those that it would get now, none
    where it has to wait for them.
    """

    kind: DeviceKind
    sentence: str
    warning: bool = False
    cards: tuple[Card, ...] = ()
    candidates: tuple[Card, ...] = ()
    count: int = 0
    driver: str | None = None

    @property
    def uuids(self) -> tuple[str, ...]:
        return tuple(card.uuid for card in self.cards)


#: What an engine computes on that cannot say it.
NOT_KNOWN = DeviceChoice(DeviceKind.CPU, "not known")


def choose_device(
    request: GpuRequest,
    found: Cards,
    why_not: str = "",
    *,
    leased: Collection[str] = (),
    wait: bool = True,
) -> DeviceChoice:
    """What `engine.gpus` means on this machine now: cards that are free, cards to wait for, or the processor.

    Args:
        why_not: why the engine can compute on no card; "" where it can.
        leased: UUIDs of cards that other runs have.
        wait: whether the run would wait for cards in use.

    Raises:
        EngineError: cards were asked for that are not there or cannot be used; or are in use, and it would not wait.
    """
    if request == "none" or request == 0:
        return DeviceChoice(DeviceKind.CPU, "CPU, as asked for (gpus: none)")
    if why_not and request in ("auto", "auto-or-cpu"):
        return _only_cpu(f"{why_not}{_not_even(found)}" if found.cards else found.reason)
    candidates, count = find_candidates(request, found)
    if why_not:
        message = f"the config asks for a graphics card, and {why_not}"
        hint = f"{with_cuda()} To train on the CPU, write `gpus: none`."
        raise EngineError("engine.local_without_cuda", message, where="engine.gpus", hint=hint)
    if not candidates:
        is_old = bool(found.cards)
        return _only_cpu(f"the {found.cards[0].name} is too old for TensorFlow" if is_old else found.reason)
    free = [card for card in candidates if not card.lack() and card.uuid not in leased]
    if len(free) >= count:
        return _chosen(free[:count], candidates, found)
    in_use = _in_use(candidates, count, found)
    if request == "auto-or-cpu":
        return _only_cpu(f"{in_use} (gpus: auto would wait for one)")
    if not wait:
        hint = "Without `--no-wait` it waits for its turn; `loghi-runner gpus` shows who has them."
        raise EngineError("gpu.in_use", f"{in_use}, and this run does not wait", where="engine.gpus", hint=hint)
    which = f"GPU {candidates[0].name}" if count == 1 else f"{count} graphics cards"
    sentence = f"{which}, for which the run waits: {in_use}" + "".join(f"; {lost}" for lost in found.lost)
    return DeviceChoice(DeviceKind.GPU, sentence, True, (), candidates, count, found.driver)


def find_candidates(request: GpuRequest, found: Cards) -> tuple[tuple[Card, ...], int]:
    """The cards of which any so many will do, the freest first; none where `auto` finds none that can be used.

    Raises:
        EngineError: so many are not there, or not those.
    """
    usable = [card for card in _by_freedom(found.cards) if not card.is_too_old]
    if isinstance(request, tuple):
        return tuple(_by_uuid(found, request)), len(request)
    if isinstance(request, int):
        if len(found.cards) < request:
            raise _too_few(found, request)
        # one that is too old is told as such, by `check_cards`
        return tuple(usable if len(usable) >= request else _by_freedom(found.cards)), request
    return tuple(usable), 1


def _only_cpu(why: str) -> DeviceChoice:
    return DeviceChoice(DeviceKind.CPU, f"CPU: {why}", warning=True)


def _not_even(found: Cards) -> str:
    return f", not even GPU {_named(_by_freedom(found.cards)[0])}"


def _in_use(candidates: tuple[Card, ...], count: int, found: Cards) -> str:
    if len(candidates) == 1:
        few = "the only card is" if len(found.cards) == 1 else f"the card {candidates[0].uuid[:12]} is"
    elif count == 1:
        few = f"all {len(candidates)} cards are"
    else:
        few = f"fewer than {count} of {len(candidates)} cards are free, the others are"
    return f"{few} in use by others{_of_those(found)}"


def _too_few(found: Cards, count: int) -> EngineError:
    wanted = "a graphics card" if count == 1 else f"{count} graphics cards"
    why = f"There is no card: {found.reason}. " if found.reason else ""
    message = f"the config asks for {wanted}, this machine has {len(found.cards) or 'none'}{_of_those(found)}"
    hint = f"{why}`loghi-runner gpus` lists the cards. To train on the CPU, write `gpus: none`."
    return EngineError("gpu.too_few", message, where="engine.gpus", hint=hint)


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


def _chosen(cards: list[Card], candidates: tuple[Card, ...], found: Cards) -> DeviceChoice:
    sentence = f"GPU {' and '.join(map(_named, cards))}"
    if len(candidates) > len(cards):
        sentence += f", the freest of {len(candidates)}"
    sentence += _of_those(found) + "".join(f"; {lost}" for lost in found.lost)
    return DeviceChoice(DeviceKind.GPU, sentence, False, tuple(cards), candidates, len(cards), found.driver)


def _named(card: Card) -> str:
    return f"{card.name} ({card.free_memory_mb // 1024} GB free, {card.uuid[:12]})"


def _of_those(found: Cards) -> str:
    return f" (of those that {found.limit} gives)" if found.limit else ""


def _by_freedom(cards: tuple[Card, ...]) -> list[Card]:
    return sorted(cards, key=lambda card: (card.is_too_old, card.processes, -card.free_memory_mb))


def with_cuda() -> str:
    """How the engine local comes by a TensorFlow that can use cards."""
    return f"In a fresh virtual environment: {pip_install('cuda')}; or use the engine docker."


def check_cards(device: DeviceChoice, *, own_image: bool) -> tuple[Finding, ...]:
    """What is to be known before a run on a device: of the driver, and of the cards that it gets, or may get.

    Args:
        own_image: whether it runs with the TensorFlow of this version, whose CUDA and kernels are known.
    """
    if not own_image or device.kind is DeviceKind.CPU:
        return ()
    return (*check_driver(device.driver), *check_kernels(device.cards or device.candidates[: device.count]))


def check_driver(driver: str | None) -> tuple[Finding, ...]:
    """Whether the NVIDIA driver is new enough for TensorFlow's CUDA; one that says no number may be."""
    parts = re.findall(r"\d+", driver or "")
    if not parts or tuple(map(int, parts)) >= OLDEST_DRIVER:
        return ()
    oldest = ".".join(map(str, OLDEST_DRIVER))
    message = f"the NVIDIA driver {driver} is older than the CUDA 12 of TensorFlow needs: {oldest} or later"
    hint = "The administrator updates the driver. To train on the CPU, write `gpus: none`."
    return (Finding(Severity.ERROR, "gpu.driver_old", message, "engine.gpus", hint),)


def check_kernels(cards: Iterable[Card]) -> Iterator[Finding]:
    """Whether TensorFlow has code that these cards can run, once for each kind."""
    for card in {card.name: card for card in cards}.values():
        if card.is_too_old and card.capability is not None:
            message = (
                f"the {card.name} ({_version(card.capability)}) is too old for TensorFlow, which needs "
                f"{_version(OLDEST_CAPABILITY)} or later"
            )
            hint = "Name another card, or train on the CPU: `gpus: none`."
            yield Finding(Severity.ERROR, "gpu.too_old", message, "engine.gpus", hint)
        elif card.capability is not None and card.capability[0] > NEWEST_CAPABILITY[0]:
            message = (
                f"the {card.name} ({_version(card.capability)}) is newer than this TensorFlow: the driver compiles "
                "its kernels from PTX at the first start, which can take half an hour; later runs find them ready"
            )
            yield Finding(Severity.INFO, "gpu.first_start", message, "engine.gpus")


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
