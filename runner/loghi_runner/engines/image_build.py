"""How the trainer's image is built: the docker program with BuildKit, its command line, the folder it needs."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import loghi_contract
import loghi_runner
from loghi_contract import CONTRACT, __version__
from loghi_runner.engines.image import Variant
from loghi_runner.errors import EngineError, UsageError

#: Where Debian puts its docker program, which another one earlier in PATH may hide.
USUAL_FOLDER = Path("/usr/bin")

_BUILD_FILES = ("Dockerfile", ".dockerignore", "requirements-cpu.txt", "requirements-cuda.txt")
_BUILD_PACKAGES = ("loghi_contract", "loghi_trainer")
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_CA_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


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
        raise UsageError(
            "usage.base_image",
            f"{digest[:100]!r} is no digest of an image",
            where="--base-image",
            hint="It is sha256: and 64 digits or letters from a to f; `docker image inspect` shows it (RepoDigests).",
        )
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
        raise EngineError(
            "engine.no_docker_cli",
            "there is no program `docker` on this machine",
            hint="Install Docker (Debian: sudo apt install docker.io), or set engine.kind: local to run without it.",
        )
    raise EngineError(
        "engine.no_buildkit",
        f"no docker program here can build with BuildKit: {', '.join(found)}",
        hint="Install the plugin docker-buildx (Docker's packages: docker-buildx-plugin), or Debian's docker.io.",
    )


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
