"""The trainer's images: their names, and whether one fits this loghi-runner."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from loghi_contract import CONTRACT, CONTRACT_LABEL, __version__
from loghi_contract.job import DeviceKind
from loghi_runner.errors import ContractError, EngineError

VERSION_LABEL = "org.loghi-runner.version"
#: Empty where the base image was a name and its digest was not known. Source: OCI image specification, annotations.
BASE_DIGEST_LABEL = "org.opencontainers.image.base.digest"


class Variant(str, Enum):
    """Which TensorFlow an image holds."""

    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True)
class ImageFacts:
    """An image of this machine. `digest` is the registry's when it came from one, else the image's own id."""

    name: str
    digest: str
    size_bytes: int
    labels: Mapping[str, str]


class ImageStore(Protocol):
    """What knows the machine's images; the engine `docker` does."""

    def find_image(self, name: str) -> ImageFacts | None:
        """The image, or None when the machine has none of this name. Raises EngineError."""

    def data_folder(self) -> Path | None:
        """Where it keeps them, as its own machine names the place; None when it does not tell. Raises EngineError."""


def variant_for(device: DeviceKind) -> Variant:
    return Variant.CUDA if device is DeviceKind.GPU else Variant.CPU


def image_name(variant: Variant) -> str:
    return f"loghi-runner:{__version__}-{variant.value}"


def default_image(device: DeviceKind) -> str:
    """The image a run gets when the config names none."""
    return image_name(variant_for(device))


def require_image(store: ImageStore, name: str) -> ImageFacts:
    """The image, proven to be there and to speak this loghi-runner's contract.

    Raises:
        EngineError: it is not on this machine; nothing is ever pulled.
        ContractError: it is no trainer's image, or one of another contract.
    """
    facts = store.find_image(name)
    if facts is None:
        raise EngineError("engine.image_missing", f"the image {name} is not on this machine", hint=_build_hint(name))
    contract = facts.labels.get(CONTRACT_LABEL)
    if contract is None:
        raise ContractError(
            "contract.no_label",
            f"the image {name} is not a loghi-runner image: it has no label {CONTRACT_LABEL}",
            hint="Leave engine.image out of the config, or name an image that `loghi-runner image build` made.",
        )
    if contract != str(CONTRACT):
        made_by = facts.labels.get(VERSION_LABEL, "unknown")
        raise ContractError(
            "contract.image",
            f"the image {name} (loghi-runner {made_by}) speaks contract {contract}, "
            f"this loghi-runner {__version__} speaks contract {CONTRACT}",
            hint=_build_hint(name),
        )
    return facts


def has_fitting_image(store: ImageStore, name: str) -> bool:
    """Whether `require_image` would give it, and it is of this very version."""
    facts = store.find_image(name)
    return facts is not None and (facts.labels.get(CONTRACT_LABEL), facts.labels.get(VERSION_LABEL)) == (
        str(CONTRACT),
        __version__,
    )


def _build_hint(name: str) -> str:
    own = next((variant for variant in Variant if image_name(variant) == name), None)
    if own is None:
        return "Leave engine.image out of the config to use loghi-runner's own image, or load this one into Docker."
    option, variable = ("", "") if own is Variant.CPU else (f" --variant {own.value}", f" VARIANT={own.value}")
    return f"Build it: `loghi-runner image build{option}` (in a checkout also `make image{variable}`)."
