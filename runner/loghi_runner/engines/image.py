"""The trainer's images: their names, whether one fits this loghi-runner, and how one is built."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

import loghi_contract
import loghi_runner
from loghi_contract import CONTRACT, CONTRACT_LABEL, __version__
from loghi_contract.job import DeviceKind
from loghi_runner.engines.gpus import Cards, choose_device
from loghi_runner.errors import ContractError, EngineError, RunnerError, UsageError
from loghi_runner.files import is_folder
from loghi_runner.findings import Finding, Severity, finding_of

VERSION_LABEL = "org.loghi-runner.version"
#: Empty where the base image was a name and its digest was not known. Source: OCI image specification, annotations.
BASE_DIGEST_LABEL = "org.opencontainers.image.base.digest"

_GIB = 1024**3
#: What a build takes of Docker's disk until it is done: the packages, the image, and the layers between.
_BUILD_BYTES = {DeviceKind.CPU: 5 * _GIB, DeviceKind.GPU: 14 * _GIB}

#: Where Debian puts its docker program, which another one earlier in PATH may hide.
USUAL_FOLDER = Path("/usr/bin")

_BUILD_FILES = ("Dockerfile", ".dockerignore", "requirements-cpu.txt", "requirements-cuda.txt")
_BUILD_PACKAGES = ("loghi_contract", "loghi_trainer")
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_CA_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


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
        message = f"the image {name} is not a loghi-runner image: it has no label {CONTRACT_LABEL}"
        hint = "Leave engine.image out of the config, or name an image that `loghi-runner image build` made."
        raise ContractError("contract.no_label", message, hint=hint)
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
    # what a run gets that asks for a card; on a machine with cards the other image serves `gpus: none`
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
    use = "with engine.gpus: none or auto-or-cpu" if kind is DeviceKind.CPU else "on a graphics card"
    return Finding(Severity.WARNING, error.code, f"{error.message}; it is for runs {use}", error.where, error.hint)


def _build_space(data_folder: Path | None, kind: DeviceKind) -> Iterator[Finding]:
    """Whether the image could be built; its layers lie where Docker keeps them, which may be another disk."""
    if data_folder is None or not is_folder(data_folder):
        return  # the daemon of another machine
    free = shutil.disk_usage(data_folder).free
    if free < _BUILD_BYTES[kind]:
        message = (
            f"only {free / _GIB:.1f} GB free where Docker keeps images; "
            f"building {default_image(kind)} takes {_BUILD_BYTES[kind] // _GIB} GB"
        )
        hint = "`docker system df` shows what takes the space, `docker system prune` frees some."
        yield Finding(Severity.WARNING, "disk.little_for_image", message, str(data_folder), hint)


def _build_hint(name: str) -> str:
    own = next((variant for variant in Variant if image_name(variant) == name), None)
    if own is None:
        return "Leave engine.image out of the config to use loghi-runner's own image, or load this one into Docker."
    option, variable = ("", "") if own is Variant.CPU else (f" --variant {own.value}", f" VARIANT={own.value}")
    return f"Build it: `loghi-runner image build{option}` (in a checkout also `make image{variable}`)."


@dataclass(frozen=True)
class BuildRequest:
    """One image build. `base_image` None takes the Dockerfile's default; `ca_file` holds a private authority.

    `base_digest` is that of the base image, "" where nobody knows it before the build.
    """

    variant: Variant
    tag: str
    base_image: str | None
    ca_file: Path | None
    base_digest: str = ""


def digest_in(image: str) -> str | None:
    """The digest that a name such as `python@sha256:...` ends with; None where it has none.

    Raises:
        UsageError: what stands there is no digest.
    """
    _, at, digest = image.partition("@")
    if not at:
        return None
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        message = f"{digest[:100]!r} is no digest of an image"
        hint = "It is sha256: and 64 digits or letters from a to f; `docker image inspect` shows it (RepoDigests)."
        raise UsageError("usage.base_image", message, where="--base-image", hint=hint)
    return digest


def find_ca_file(environment: Mapping[str, str]) -> tuple[str, Path] | None:
    """The first variable that names an existing certificate file for this machine's own Python tools, and the file."""
    for variable in _CA_VARIABLES:
        value = environment.get(variable)
        if value and Path(value).is_file():
            return variable, Path(value)
    return None


def proxy_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The proxy settings of this machine, which a build does not see by itself."""
    return tuple(variable for variable in _PROXY_VARIABLES if environment.get(variable))


def build_command(docker: Path, request: BuildRequest, context: Path, environment: Mapping[str, str]) -> list[str]:
    """The command line of a build; values that may hold a password travel in the environment, not in it."""
    arguments = {"VARIANT": request.variant.value, "CONTRACT": str(CONTRACT), "VERSION": __version__}
    if request.base_image:
        arguments["BASE_IMAGE"] = request.base_image
    if request.base_digest:
        arguments["BASE_DIGEST"] = request.base_digest
    command = [str(docker), "build", "--tag", request.tag]
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    for variable in proxy_variables(environment):
        command += ["--build-arg", variable]
    if request.ca_file:
        command += ["--secret", f"id=ca,src={request.ca_file}"]
    return [*command, str(context)]


def build_image(request: BuildRequest) -> None:
    """Build the image; the builder's own progress goes to standard error.

    Raises:
        EngineError: no docker program with BuildKit, or the build failed.
        UsageError: the certificate file does not exist.
    """
    if request.ca_file and not request.ca_file.is_file():
        raise UsageError("usage.ca_file", f"the certificate file does not exist: {request.ca_file}")
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    docker = find_docker_cli(environment.get("PATH", os.defpath))
    with build_context() as context:
        command = build_command(docker, request, context, environment)
        result = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if result.returncode != 0:
        raise EngineError(
            "engine.image_build",
            f"the build of {request.tag} failed (docker ended with code {result.returncode}); "
            "its own last lines above say why",
            hint="Base image cannot be pulled: give one that is on this machine with --base-image (Python 3.11 with "
            "venv). Certificate error: give your organisation's certificate with --ca FILE. Disk full: "
            "`docker system df` shows what takes the space.",
        )


def find_docker_cli(search_path: str) -> Path:
    """The first docker program that can build with BuildKit.

    Raises:
        EngineError: there is none; it says what was found instead.
    """
    folders = [*(Path(folder) for folder in search_path.split(os.pathsep) if folder), USUAL_FOLDER]
    candidates = dict.fromkeys(folder / "docker" for folder in folders)
    found: list[str] = []
    for path in candidates:
        if not os.access(path, os.X_OK):
            continue
        version = _output_of(path, "--version")
        if _has_buildkit(path, version):
            return path
        found.append(f"{path} ({version or 'it does not run'})")
    if not found:
        message = "there is no program `docker` on this machine"
        hint = "Install Docker (Debian: sudo apt install docker.io), or set engine.kind: local to run without it."
        raise EngineError("engine.no_docker_cli", message, hint=hint)
    message = f"no docker program here can build with BuildKit: {', '.join(found)}"
    hint = "Install the plugin docker-buildx (Docker's packages: docker-buildx-plugin), or Debian's docker.io."
    raise EngineError("engine.no_buildkit", message, hint=hint)


def _has_buildkit(path: Path, version: str) -> bool:
    match = re.match(r"Docker version (\d+)\.(\d+)", version)
    if match is None:
        return False
    # BuildKit was part of the docker program from 18.09 until 23.0 made it the plugin buildx
    if (18, 9) <= (int(match[1]), int(match[2])) < (23, 0):
        return True
    return bool(_output_of(path, "buildx", "version"))


def _output_of(path: Path, *arguments: str) -> str:
    try:
        result = subprocess.run([str(path), *arguments], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


@contextmanager
def build_context() -> Iterator[Path]:
    """The folder a build needs: `container/` of a checkout, or the same put together from an installed package."""
    packages = Path(loghi_contract.__file__).parent.parent
    if (packages / "Dockerfile").is_file():
        yield packages
        return
    with tempfile.TemporaryDirectory(prefix="loghi-runner-image-") as folder:
        context = Path(folder)
        for name in _BUILD_FILES:
            shutil.copyfile(Path(loghi_runner.__file__).parent / "image_files" / name, context / name)
        for package in _BUILD_PACKAGES:
            shutil.copytree(packages / package, context / package, ignore=shutil.ignore_patterns("__pycache__"))
        yield context
