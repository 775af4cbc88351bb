"""What an engine is, and what can be wished of it: says what it would use; starts, watches and ends a trainer."""

import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Protocol  # raw YAML values have no narrower type

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool
from pydantic_core import PydanticCustomError

from loghi_contract.job import DeviceKind
from loghi_runner.engines import EngineKind
from loghi_runner.engines.gpus import NOT_KNOWN, Cards, DeviceChoice, GpuRequest
from loghi_runner.engines.image import ImageFacts
from loghi_runner.engines.leases import Lease
from loghi_runner.errors import EngineError, RunnerError
from loghi_runner.findings import Finding, Severity

_GPUS_WRITTEN = Literal["auto", "auto-or-cpu", "none"] | int | list[str]
_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_MEMORY = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?(MB|GB|TB)", re.IGNORECASE)
#: TensorFlow alone takes half of it.
_LEAST_MEMORY_BYTES = 10**9

#: In the run folder: where an engine without containers lays out the container's folders as links.
PLACES = "places"

#: The code of the error for a handle that names somebody else's process or container.
NOT_OURS = "engine.not_ours"


def not_ours(what: str, run_dir: Path) -> EngineError:
    """The error for what a run.json names and is not that run's."""
    message = f"{what}, which its run.json names, is not this run's trainer or not ours"
    hint = "It is left alone. Has the run's folder been copied, or does the run belong to somebody else?"
    return EngineError(NOT_OURS, message, where=str(run_dir), hint=hint)


def field_title(name: str, _field: object) -> str:
    """What a form writes beside a field that has no title of its own: `batch_size` reads Batch size."""
    return name.replace("_", " ").capitalize()


def which_gpus(value: Any) -> Any:
    """Which graphics cards: auto, auto-or-cpu, none, how many, or their UUIDs."""
    if value in ("auto", "auto-or-cpu", "none") or (
        isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 64
    ):
        return value
    values = [value] if isinstance(value, str) else value
    if isinstance(values, list) and values and all(_is_gpu_uuid(item) for item in values):
        if len(set(values)) == len(values):
            return tuple(values)
        raise PydanticCustomError("gpus", "must name each graphics card once")
    if value == 0:
        raise PydanticCustomError("gpus", "must be none to train on the processor")
    raise PydanticCustomError(
        "gpus", "must be auto, auto-or-cpu, none, a number of cards, or a list such as [GPU-<uuid>]"
    )


def _is_gpu_uuid(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("GPU-", "MIG-")) and " " not in value


def memory_size(value: Any) -> Any:
    """A size of memory, such as 16 GB."""
    if isinstance(value, str) and (found := _MEMORY.fullmatch(value.strip())):
        written = f"{found[1]} {found[2].upper()}"
        if _bytes_of(written) >= _LEAST_MEMORY_BYTES:
            return written
    raise PydanticCustomError("memory", "must be a size of 1 GB at least, such as 16 GB")


def _bytes_of(memory: str) -> int:
    number, _, unit = memory.partition(" ")
    return int(float(number) * _UNITS[unit])


@dataclass(frozen=True)
class FromRequests:
    """Marks, in a key's `Annotated`, what whoever asks the service for a run may wish; all else is the operator's."""


class EngineKeys(BaseModel):
    """Keys of the section. An engine's own are a subclass beside it, named in `ENGINES`; each has a default.

    The engine takes them out of what was wished with `Keys.model_validate(wish, from_attributes=True)`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, field_title_generator=field_title)


class Wish(EngineKeys):
    """What can be wished of every engine; one that cannot do it says so."""

    kind: EngineKind = Field(
        default=EngineKind.AUTO,
        description="Where to train; `auto` takes `docker`, and `local` only where there is no Docker.",
    )
    gpus: Annotated[GpuRequest, BeforeValidator(which_gpus, json_schema_input_type=_GPUS_WRITTEN)] = Field(
        default="auto",
        description="Graphics cards, which are waited for: `auto` is one where there is any; or how many, or which.",
        json_schema_extra={
            "values": "`auto`, `auto-or-cpu` (the processor when all are in use), `none`, a number, or a list of UUIDs"
        },
    )
    wait: StrictBool = Field(
        default=True, description="Wait for cards that are in use; `false` refuses the run, as `--no-wait` does."
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        description="Container image to train in.",
        json_schema_extra={"default_words": "the one of this version"},
    )
    memory: Annotated[str, BeforeValidator(memory_size, json_schema_input_type=str)] | None = Field(
        default=None,
        description="Most memory that the container may take, such as `16 GB`; there is no swap beyond it.",
        json_schema_extra={"values": "a number and MB, GB or TB", "default_words": "four fifths of the machine's"},
    )

    @property
    def memory_bytes(self) -> int | None:
        return None if self.memory is None else _bytes_of(self.memory)


@dataclass(frozen=True)
class Mount:
    """A folder of this machine as the trainer sees it; `source` is a real path, symlinks resolved."""

    source: Path
    target: PurePosixPath
    read_only: bool


@dataclass(frozen=True)
class Launch:
    """Everything an engine needs to start one run.

    `gpus` holds UUIDs chosen on the host; empty for `DeviceKind.CPU`. `image` is what the engine runs, "" without one.
    Of the `candidates`, cards of this machine, `count` are taken before the start, which is then given their `lease`.
    """

    run_id: str
    run_dir: Path
    image: str
    device: DeviceKind
    gpus: tuple[str, ...]
    mounts: tuple[Mount, ...]
    #: the most memory it may take; None limits none
    memory_bytes: int | None = None
    #: what was wished, for an engine's own keys
    wish: Wish = field(default_factory=Wish)
    candidates: tuple[str, ...] = ()
    count: int = 0
    #: memory that the same training held on a card before, None where it is not known
    card_memory_mb: int | None = None
    lease: Lease | None = None


@dataclass(frozen=True)
class Setting:
    """Where a run happens, as its engine says, things being as they are now.

    With an `engine_error` it cannot happen, and the rest is what was known by then.
    """

    wish: Wish
    #: which engine it is, with versions, as a sentence
    engine: str
    device: DeviceChoice = NOT_KNOWN
    #: None where the engine runs none
    image: ImageFacts | None = None
    #: the most memory that the trainer may take; None limits none
    memory_bytes: int | None = None
    #: what is to be known of it before a run
    findings: tuple[Finding, ...] = ()
    engine_error: RunnerError | None = None

    def require_usable(self) -> None:
        """Raise the error for which no run can happen here, if there is one."""
        if self.engine_error is not None:
            raise self.engine_error

    def launch(
        self, run_id: str, run_dir: Path, mounts: tuple[Mount, ...], card_memory_mb: int | None = None
    ) -> Launch:
        """A run that happens here."""
        device = self.device
        return Launch(
            run_id,
            run_dir,
            self.image.name if self.image else "",
            device.kind,
            device.uuids,
            mounts,
            self.memory_bytes,
            self.wish,
            tuple(card.uuid for card in device.candidates),
            device.count,
            card_memory_mb,
        )


@dataclass(frozen=True)
class Handle:
    """Finds a started trainer again, also from another process; kept in run.json.

    `id` is the container's id, or what `name_process` calls a local process.
    """

    engine: str
    id: str


@dataclass(frozen=True)
class ProcessEnd:
    """How the trainer's process ended; `exit_code` is negative for a signal, as subprocess counts.

    `exit_code` is None when the process is gone and nobody saw it end.
    """

    exit_code: int | None
    out_of_memory: bool = False
    #: what it was allowed, where it ran out of that
    memory_bytes: int | None = None


class Signal(Enum):
    """What a trainer can be told from outside: to end after the current step (SIGINT), or at once (SIGKILL)."""

    INTERRUPT = "SIGINT"
    KILL = "SIGKILL"


class Engine(Protocol):
    """One way to run the trainer. `console_log` is the run's console.log, the trainer's stderr."""

    name: str
    #: how often a run that goes on is polled at most: many are followed at once, and an answer may cost something
    poll_every_s: float

    def check(self) -> str:
        """A sentence for the plan: what will be used, with versions. Raises EngineError when it cannot be used."""

    def examine(self, found: Cards) -> list[Finding]:
        """What `doctor` says of it on this machine, which has these cards; an error among it stops runs.

        Raises:
            EngineError: there is nothing of this engine here.
        """

    def settle(self, wish: Wish) -> Setting:
        """What it would use for a run, as things are now; nothing is kept for the run, and nothing raised."""

    def start(self, launch: Launch, console_log: Path) -> Handle:
        """Start the trainer in a session of its own. Raises EngineError; leaves nothing behind then.

        A trainer that inherits the descriptors of `launch.lease` has the cards; for one that is to open the lock files
        itself (in `LEASES_DIR`) the lease is shared first, and handed over by the caller once the trainer has begun.
        """

    def find(self, run_id: str, run_dir: Path, handle: Handle | None) -> Handle | None:
        """The trainer of this run, living or ended; None when nothing is left of it.

        All other methods believe the handle that they are given.

        Args:
            handle: what run.json names, which anybody may have written; None when nothing is named there.

        Raises:
            EngineError: the engine does not answer, or what is named is not this run's (`NOT_OURS`): leave it alone.
        """

    def poll(self, handle: Handle) -> ProcessEnd | None:
        """How it ended, or None while it runs. Never blocks."""

    def signal(self, handle: Handle, signal: Signal) -> None:
        """Tell it to end; nothing happens when it has ended. Raises EngineError: it cannot be told."""

    def bring_console(self, handle: Handle, console_log: Path) -> None:
        """Bring what it printed so far into console_log, where the engine does not write it there at once."""

    def clean_up(self, handle: Handle, console_log: Path, *, keep: bool) -> None:
        """After the end: bring what it printed into console_log; remove what the engine kept, unless `keep`."""

    def kept(self, handle: Handle) -> str | None:
        """What `keep` leaves outside the run folder, with its name, such as `container 12ab`; None for nothing."""

    def reachable_from(self, machine: str) -> bool:
        """Whether here is where its runs of that machine can be seen: if not, one that is not found may be going on."""


def memory_not_applied(wish: Wish) -> Finding:
    """The warning for a limit that was wished and cannot be kept."""
    asked = wish.memory
    message = f"engine.memory ({asked}) is not applied: only a container can be limited, where its daemon lets it be"
    hint = "Run in Docker (`engine.kind: docker`), or take the key out."
    return Finding(Severity.WARNING, "engine.memory_not_applied", message, "engine.memory", hint)
