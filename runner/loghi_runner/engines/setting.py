"""Where a run would happen on this machine, as things are now: device, image, memory."""

from dataclasses import dataclass
from typing import cast

from loghi_contract.job import DeviceKind
from loghi_runner.engines import choose_engine
from loghi_runner.engines.base import Engine
from loghi_runner.engines.gpus import DeviceChoice, GpuRequest, choose_again, choose_device
from loghi_runner.engines.image import ImageFacts, ImageStore, default_image, require_image
from loghi_runner.engines.local import LocalEngine
from loghi_runner.engines.nvml import list_cards
from loghi_runner.errors import RunnerError


@dataclass(frozen=True)
class Setting:
    """Where a run happens. `engine_error` is why it cannot, in a dry run."""

    engine: str
    device: DeviceChoice
    image: ImageFacts | None = None
    engine_error: RunnerError | None = None
    #: the most memory that the trainer may take; None limits none
    memory_bytes: int | None = None


def choose_setting(
    kind: str, gpus: GpuRequest, image: str | None = None, memory_bytes: int | None = None
) -> tuple[Engine, Setting]:
    """The engine for `engine.kind`, and what it would use.

    Raises:
        EngineError: the engine, the cards or the image cannot be had.
        ContractError: the image does not fit this loghi-runner.
    """
    engine, sentence = choose_engine(kind)
    choice = choose_card(engine, gpus)
    facts = choose_image(engine, image, choice.kind)
    return engine, Setting(sentence, choice, facts, memory_bytes=engine.memory_limit(memory_bytes))


def choose_card(engine: Engine, gpus: GpuRequest, planned: DeviceChoice | None = None) -> DeviceChoice:
    """What a run computes on, as things are now; with a `planned` device, just before the start.

    Raises:
        EngineError: the card that is asked for cannot be had.
    """
    why_not = cast(LocalEngine, engine).why_no_card() if engine.name == "local" else ""
    if planned is None:
        return choose_device(gpus, list_cards(), why_not)
    return choose_again(gpus, planned, list_cards(), why_not)


def choose_image(engine: Engine, image: str | None, device: DeviceKind) -> ImageFacts | None:
    """The image that is asked for, or the default one for the device; None where the engine runs none.

    Raises:
        EngineError: it is not on this machine.
        ContractError: it does not fit this loghi-runner.
    """
    if engine.name != "docker":
        return None
    # before the run folder is made: without an image there is no run to keep a record of
    return require_image(cast(ImageStore, engine), image or default_image(device))
