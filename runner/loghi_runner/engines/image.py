"""The trainer's images: their names, and whether one fits this loghi-runner."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from loghi_contract import CONTRACT, CONTRACT_LABEL, __version__
from loghi_contract.job import DeviceKind
from loghi_runner.engines.gpus import Cards, choose_device
from loghi_runner.errors import ContractError, EngineError, RunnerError
from loghi_runner.files import is_folder
from loghi_runner.findings import Finding, Severity, finding_of

VERSION_LABEL = "org.loghi-runner.version"
#: Empty where the base image was a name and its digest was not known. Source: OCI image specification, annotations.
BASE_DIGEST_LABEL = "org.opencontainers.image.base.digest"

_GIB = 1024**3
#: What a build takes of Docker's disk until it is done: the packages, the image, and the layers between.
_BUILD_BYTES = {DeviceKind.CPU: 5 * _GIB, DeviceKind.GPU: 14 * _GIB}


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

    def check(self) -> str:
        """As of an engine."""

    def find_image(self, name: str) -> ImageFacts | None:
        """The image, or None when the machine has none of this name. Raises EngineError."""

    def data_folder(self) -> Path | None:
        """Where it keeps them, as its own machine names the place; None when it does not tell. Raises EngineError."""


def image_name(variant: Variant) -> str:
    return f"loghi-runner:{__version__}-{variant.value}"


def default_image(device: DeviceKind) -> str:
    """The image a run gets when the config names none."""
    return image_name(Variant.CUDA if device is DeviceKind.GPU else Variant.CPU)


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


def examine_images(store: ImageStore, found: Cards) -> Iterator[Finding]:
    """Whether the images of this version are there, for runs on a machine with these cards.

    Raises:
        EngineError: the store does not tell.
    """
    # what a run gets that asks for a free card; on a machine with cards the other image serves `gpus: none`
    needed = choose_device("auto", found).kind
    for kind in (needed, *(kind for kind in DeviceKind if found.cards and kind is not needed)):
        try:
            image = require_image(store, default_image(kind))
        except RunnerError as error:
            yield finding_of(error) if kind is needed else _spare_image(error, kind)
            yield from _build_space(store.data_folder(), kind)
        else:
            size = f"{image.size_bytes / _GIB:.1f} GB"
            yield Finding(Severity.INFO, "engine.image", f"image {image.name}, {size}, fits this version")


def _spare_image(error: RunnerError, kind: DeviceKind) -> Finding:
    use = "with engine.gpus: none, or when all cards are in use" if kind is DeviceKind.CPU else "on a graphics card"
    return Finding(Severity.WARNING, error.code, f"{error.message}; it is for runs {use}", error.where, error.hint)


def _build_space(data_folder: Path | None, kind: DeviceKind) -> Iterator[Finding]:
    """Whether the image could be built; its layers lie where Docker keeps them, which may be another disk."""
    if data_folder is None or not is_folder(data_folder):
        return  # the daemon of another machine
    free = shutil.disk_usage(data_folder).free
    if free < _BUILD_BYTES[kind]:
        yield Finding(
            Severity.WARNING,
            "disk.little_for_image",
            f"only {free / _GIB:.1f} GB free where Docker keeps images; "
            f"building {default_image(kind)} takes {_BUILD_BYTES[kind] // _GIB} GB",
            where=str(data_folder),
            hint="`docker system df` shows what takes the space, `docker system prune` frees some.",
        )


def _build_hint(name: str) -> str:
    own = next((variant for variant in Variant if image_name(variant) == name), None)
    if own is None:
        return "Leave engine.image out of the config to use loghi-runner's own image, or load this one into Docker."
    option, variable = ("", "") if own is Variant.CPU else (f" --variant {own.value}", f" VARIANT={own.value}")
    return f"Build it: `loghi-runner image build{option}` (in a checkout also `make image{variable}`)."
