"""What somebody wishes of an engine, and what the keys are made of by which they say it."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal  # raw YAML values have no narrower type

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from loghi_runner.engines import EngineKind
from loghi_runner.engines.gpus import GpuRequest

_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_MEMORY = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?(MB|GB|TB)", re.IGNORECASE)
#: TensorFlow alone takes half of it.
_LEAST_MEMORY_BYTES = 10**9


def field_title(name: str, _field: object) -> str:
    """What a form writes beside a field that has no title of its own: `batch_size` reads Batch size."""
    return name.replace("_", " ").capitalize()


def which_gpus(value: Any) -> Any:
    """Which graphics cards: auto, none, how many, or their UUIDs."""
    if value in ("auto", "none") or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 64):
        return value
    values = [value] if isinstance(value, str) else value
    if isinstance(values, list) and values and all(_is_gpu_uuid(item) for item in values):
        if len(set(values)) == len(values):
            return tuple(values)
        raise PydanticCustomError("gpus", "must name each graphics card once")
    if value == 0:
        raise PydanticCustomError("gpus", "must be none to train on the processor")
    raise PydanticCustomError("gpus", "must be auto, none, a number of cards, or a list such as [GPU-<uuid>]")


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
    gpus: Annotated[
        GpuRequest, BeforeValidator(which_gpus, json_schema_input_type=Literal["auto", "none"] | int | list[str])
    ] = Field(
        default="auto",
        description="Graphics card: a free one, none, one in any case, or which by UUID; of several a run uses one.",
        json_schema_extra={"values": "`auto`, `none`, a number, or a list of UUIDs"},
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
