"""The engine `docker`: a locked-down container for each run. The only module that imports docker."""

import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any  # the daemon's answers are JSON

import docker
import requests
from docker.utils import kwargs_from_env

from loghi_contract.job import DeviceKind
from loghi_runner.engines import NO_DAEMON, container
from loghi_runner.engines.base import Handle, Launch, ProcessEnd, Setting, Signal, Wish, memory_not_applied, not_ours
from loghi_runner.engines.card_queue import choose_here
from loghi_runner.engines.container import NO_CARD_DRIVER, RUN_LABEL, Way
from loghi_runner.engines.docker_messages import explain
from loghi_runner.engines.gpus import Cards, check_cards, kernel_cache
from loghi_runner.engines.image import ImageFacts, default_image, examine_images, require_image
from loghi_runner.engines.processes import machine_name
from loghi_runner.errors import EngineError, RunnerError
from loghi_runner.files import whole_file
from loghi_runner.findings import Finding, Severity, finding_of

#: How long a daemon that was there may be silent (it is restarted, the machine sleeps) before polling gives up.
SILENCE_GRACE_S = 120.0

#: What Docker takes as a container's name; anything else would become another address of its API.
_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_CODES_OF_THE_TRAINER = (130, 143)


class DockerEngine:
    """Runs the image with the caller's user id, without network, capabilities or a writable root.

    Only the run's mounts are visible inside. A caller who is root gets root inside, still without capabilities.
    """

    name = "docker"
    #: an answer costs about 2 ms of processor, on both sides
    poll_every_s = 1.0

    def __init__(self, base_url: str | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._base_url = base_url
        self._clock = clock
        self._client: docker.APIClient | None = None
        self._silent_since: float | None = None

    def check(self) -> str:
        version = self._version()
        rootless = " rootless" if container.is_rootless(self._settings()) else ""
        return f"docker, {_product(version)} {version['Version']}{rootless} at {self._address()}"

    def examine(self, found: Cards) -> list[Finding]:
        try:
            findings = [Finding(Severity.INFO, "engine.docker", self.check()), *examine_images(self, found)]
        except EngineError as error:
            if error.code == NO_DAEMON:
                raise
            findings = [finding_of(error)]
        if found.cards and shutil.which("nvidia-container-cli") is None and shutil.which("nvidia-ctk") is None:
            message = "the NVIDIA Container Toolkit was not found: containers may get no graphics card"
            hint = "The administrator installs it and runs `nvidia-ctk runtime configure --runtime=docker`."
            findings.append(Finding(Severity.WARNING, "gpu.no_toolkit", message, hint=hint))
        return findings

    def settle(self, wish: Wish) -> Setting:
        setting = Setting(wish, f"{wish.kind.value}: cannot be used")
        try:
            setting = replace(setting, engine=self.check())
            device = choose_here(wish)
            if device.kind is DeviceKind.GPU:
                self._require_cards()  # before it waits for one
            findings = check_cards(device, own_image=wish.image is None)
            setting = replace(setting, device=device, findings=findings)
            # before there is a run folder: without an image there is no run to keep a record of
            image = require_image(self, wish.image or default_image(device.kind))
            memory = container.memory_limit(self._settings(), wish.memory_bytes)
        except RunnerError as error:
            return replace(setting, engine_error=error)
        if wish.memory is not None and memory is None:
            findings = (*findings, memory_not_applied(wish))
        return replace(setting, image=image, memory_bytes=memory, findings=findings)

    def find_image(self, name: str) -> ImageFacts | None:
        with self._explained(f"look for the image {name}"):
            try:
                facts = self._api().inspect_image(name)  # type: ignore[no-untyped-call]  # the stubs left it out
            except docker.errors.ImageNotFound:
                return None
        digests = facts.get("RepoDigests") or [facts["Id"]]
        return ImageFacts(name, digests[0], int(facts["Size"]), facts["Config"].get("Labels") or {})

    def data_folder(self) -> Path | None:
        folder = self._settings().get("DockerRootDir")
        return Path(folder) if folder else None

    def start(self, launch: Launch, console_log: Path) -> Handle:
        way = Way()
        if launch.device is DeviceKind.GPU:
            self._require_gpus(launch)
            way = Way(kernel_cache=kernel_cache())
            if launch.lease is not None:
                launch.lease.share()
                way = replace(way, leases=launch.lease.files)
        first: EngineError | None = None
        while True:
            try:
                return self._start(launch, way)
            except EngineError as error:
                following = way.instead(error)
                if following is None:
                    # a daemon that knows no list of devices says that it lacks the driver "cdi", which is not the point
                    raise (first if first and error.code == NO_CARD_DRIVER else error) from None
                way, first = following, first or error

    def _start(self, launch: Launch, way: Way) -> Handle:
        with self._explained("create the container", where=launch.image):
            container_id = self._create(launch, way)
        try:
            with self._explained("start the container", where=launch.image):
                self._api().start(container_id)
        except BaseException:
            # Docker leaves a container that could not start behind
            with suppress(docker.errors.APIError, requests.RequestException):
                self._api().remove_container(container_id, force=True, v=True)
            raise
        return Handle(self.name, container_id)

    def find(self, run_id: str, run_dir: Path, handle: Handle | None) -> Handle | None:
        name = handle.id if handle is not None else container.container_name(run_id)
        foreign = not_ours(f"the container {name[:80]!r}", run_dir)
        if not _CONTAINER.fullmatch(name):
            raise foreign
        with self._explained("look for the container"):
            try:
                facts = self._api().inspect_container(name)
            except docker.errors.NotFound:
                return None
        if ((facts.get("Config") or {}).get("Labels") or {}).get(RUN_LABEL) != run_id:
            raise foreign
        return Handle(self.name, facts["Id"])

    def poll(self, handle: Handle) -> ProcessEnd | None:
        was_there = self._client is not None
        try:
            facts = self._api().inspect_container(handle.id)
        except docker.errors.NotFound:
            return ProcessEnd(None)
        except (docker.errors.DockerException, requests.RequestException) as error:
            # no answer is no end: with live-restore the container outlives its daemon
            if was_there and self._may_stay_silent():
                return None
            raise self._unreachable(error) from error
        self._silent_since = None
        return _end_of(facts["State"], (facts.get("HostConfig") or {}).get("Memory") or None)

    def signal(self, handle: Handle, signal: Signal) -> None:
        with self._explained(f"send {signal.value} to the container"):
            try:
                self._api().kill(handle.id, signal=signal.value)
            except docker.errors.APIError as error:
                # gone or over: there is nothing left to end
                if error.status_code not in (404, 409) and self.poll(handle) is None:
                    raise

    def bring_console(self, handle: Handle, console_log: Path) -> None:
        with self._explained("fetch the container's log"), suppress(docker.errors.NotFound):
            parts = self._api().logs(handle.id, stdout=False, stderr=True, stream=True, follow=False)
            # in one step, so that a broken connection leaves what was there
            with whole_file(console_log) as file:
                file.writelines(parts)

    def clean_up(self, handle: Handle, console_log: Path, *, keep: bool) -> None:
        self.bring_console(handle, console_log)
        if keep:
            return
        with self._explained("remove the container"), suppress(docker.errors.NotFound):
            self._api().remove_container(handle.id, v=True)

    def kept(self, handle: Handle) -> str:
        return f"container {handle.id[:12]}"

    def reachable_from(self, machine: str) -> bool:
        return machine == machine_name()

    # -- asking the daemon

    def _api(self) -> docker.APIClient:
        if self._client is None:
            connection = self._connection()
            try:
                _knock(connection.get("base_url", ""))
                self._client = docker.APIClient(version="auto", **connection)
            except (docker.errors.DockerException, OSError) as error:
                raise self._unreachable(error) from error
        return self._client

    def _connection(self) -> dict[str, Any]:
        if self._base_url:
            return {"base_url": self._base_url}
        if os.environ.get("DOCKER_HOST"):
            return _from_variables()
        # the daemon that the command `docker` talks to, such as Docker Desktop's or a rootless one
        named = os.environ.get("DOCKER_CONTEXT")
        try:
            connection = dict(docker.ContextAPI.kwargs_from_context())
        except Exception as error:  # what the docker package raises for a damaged context
            raise _no_context(f"a Docker context cannot be read: {error}") from error
        if not connection and named:
            raise _no_context(f"the environment variable DOCKER_CONTEXT names a context that is not there: {named}")
        return connection

    def _address(self) -> str:
        return str(self._connection().get("base_url", "the default socket"))

    def _version(self) -> Mapping[str, Any]:
        with self._explained("tell its version"):
            answer: Mapping[str, Any] = self._api().version()
        return answer

    def _settings(self) -> Mapping[str, Any]:
        with self._explained("tell its settings"):
            answer: Mapping[str, Any] = self._api().info()
        return answer

    def _may_stay_silent(self) -> bool:
        now = self._clock()
        if self._silent_since is None:
            self._silent_since = now
        return now - self._silent_since < SILENCE_GRACE_S

    @contextmanager
    def _explained(self, doing: str, *, where: str | None = None) -> Iterator[None]:
        try:
            yield
        except docker.errors.APIError as error:
            raise explain(str(error.explanation or error), doing=doing, where=where) from error
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: BaseException) -> EngineError:
        causes = tuple(_causes_of(error))
        where = self._address()
        if any(isinstance(cause, PermissionError) for cause in causes):
            message = "your account may not use Docker"
            hint = "Ask the administrator for access to Docker (the group `docker`), or set engine.kind: local."
            return EngineError("engine.docker_permission", message, where=where, hint=hint)
        if self._client is None and any(isinstance(c, (FileNotFoundError, ConnectionRefusedError)) for c in causes):
            message = "no Docker daemon answers on this machine"
            hint = "Start it (`sudo systemctl start docker`), or run without a container: engine.kind: local."
            return EngineError(NO_DAEMON, message, where=where, hint=hint)
        spoken = next((cause for cause in reversed(causes) if isinstance(cause, OSError) and cause.strerror), error)
        started = "A run that was started may be going on: `loghi-runner show RUN` looks again when Docker is back."
        named = "Is the environment variable DOCKER_HOST right? " if os.environ.get("DOCKER_HOST") else ""
        message = f"the Docker daemon does not answer: {spoken}"
        return EngineError("engine.docker_unreachable", message, where=where, hint=named + started)

    # -- what a run's container is

    def _require_gpus(self, launch: Launch) -> None:
        if not launch.gpus:
            raise EngineError("engine.gpu_none_chosen", "a graphics card was asked for, but none was chosen")
        self._require_cards()

    def _require_cards(self) -> None:
        product = _product(self._version())
        if product.startswith("Podman"):
            # it takes device requests and does nothing with them: the run would go on the CPU unnoticed
            message = f"{product} behind Docker's socket does not hand out graphics cards"
            hint = "Use Docker itself for a run with a graphics card, or set engine.gpus: none."
            raise EngineError("engine.gpu_podman", message, where=self._address(), hint=hint)

    def _create(self, launch: Launch, way: Way) -> str:
        info = self._settings()
        host_config = self._api().create_host_config(**container.host_settings(launch, way, info))
        settings = container.container_settings(launch, way, info)
        return str(self._api().create_container(**settings, host_config=host_config)["Id"])


def _no_context(message: str) -> EngineError:
    hint = "`docker context ls` lists them, and says which is chosen where DOCKER_CONTEXT is not set."
    return EngineError("engine.docker_context", message, hint=hint)


def _from_variables() -> dict[str, Any]:
    try:
        return dict(kwargs_from_env())
    except docker.errors.TLSParameterError as error:
        folder = os.environ.get("DOCKER_CERT_PATH") or str(Path("~/.docker"))
        raise EngineError(
            "engine.docker_tls",
            f"Docker is to be reached by TLS, and its certificates (ca.pem, cert.pem, key.pem) are not all in {folder}",
            where=os.environ["DOCKER_HOST"],
            hint="Set DOCKER_CERT_PATH to their folder; for a daemon without TLS, unset DOCKER_TLS_VERIFY.",
        ) from error


def _product(version: Mapping[str, Any]) -> str:
    names = [component["Name"] for component in version.get("Components") or []]
    return "Podman Engine" if "Podman Engine" in names else "Docker"


def _end_of(state: Mapping[str, Any], memory_bytes: int | None) -> ProcessEnd | None:
    if state["Status"] == "created":
        return ProcessEnd(None)  # its start was cut off
    if state["Status"] not in ("exited", "dead"):
        return None
    code = int(state["ExitCode"])
    # OOMKilled is also true when only a helper process was killed and the trainer went on to a good end
    out_of_memory = bool(state["OOMKilled"]) and code != 0
    if code > 128 and code not in _CODES_OF_THE_TRAINER:
        code = 128 - code
    return ProcessEnd(code, out_of_memory, memory_bytes if out_of_memory else None)


def _knock(url: str) -> None:
    """Raise a local socket's own error; the docker package hides it, and leaves the socket open."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.connect(url.removeprefix("unix://"))


def _causes_of(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and the errors it was made of: the socket's own error may lie three deep."""
    seen: list[BaseException] = [error]
    for item in seen:
        inner = [item.__cause__, item.__context__, *getattr(item, "args", ())]
        seen += [cause for cause in inner if isinstance(cause, BaseException) and cause not in seen]
    yield from seen
