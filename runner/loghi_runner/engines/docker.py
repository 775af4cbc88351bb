"""The engine `docker`: a locked-down container for each run. The only module that imports docker."""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any  # the daemon's answers are JSON

import docker
import requests
from docker.types import DeviceRequest, LogConfig
from docker.types import Mount as DockerMount
from docker.utils import kwargs_from_env

from loghi_contract.job import DeviceKind
from loghi_runner.engines import NO_DAEMON
from loghi_runner.engines.base import Handle, Launch, ProcessEnd
from loghi_runner.engines.connection import causes_of, knock
from loghi_runner.engines.docker_messages import explain, refused
from loghi_runner.engines.image import ImageFacts
from loghi_runner.engines.limits import host_limits, memory_limit
from loghi_runner.errors import EngineError

#: The label that says which run a container belongs to.
RUN_LABEL = "org.loghi-runner.run"

#: How long `docker stop` and a daemon that shuts down wait for the trainer to save.
STOP_GRACE_S = 120

#: How long a daemon that was there may be silent (it is restarted, the machine sleeps) before polling gives up.
SILENCE_GRACE_S = 120.0

_GIB = 1 << 30
_TMP_OPTIONS = f"rw,nosuid,nodev,noexec,mode=1777,size={_GIB}"
# TensorFlow's thread pools grow with the machine's cores
_PIDS_LIMIT = 4096
_LOG_OPTIONS = {"max-size": "20m", "max-file": "3"}
_CODES_OF_THE_TRAINER = (130, 143)


class DockerEngine:
    """Runs the image with the caller's user id, without network, capabilities or a writable root.

    Only the run's mounts are visible inside. A caller who is root gets root inside, still without capabilities.
    """

    name = "docker"

    def __init__(self, base_url: str | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._base_url = base_url
        self._clock = clock
        self._client: docker.APIClient | None = None
        self._silent_since: float | None = None

    def check(self) -> str:
        version = self._version()
        rootless = " rootless" if _rootless(self._security_options()) else ""
        return f"docker, {_product(version)} {version['Version']}{rootless} at {self._address()}"

    def find_image(self, name: str) -> ImageFacts | None:
        with self._explained(f"look for the image {name}"):
            try:
                facts = self._api().inspect_image(name)  # type: ignore[no-untyped-call]  # the stubs left it out
            except docker.errors.ImageNotFound:
                return None
        digests = facts.get("RepoDigests") or [facts["Id"]]
        return ImageFacts(name, digests[0], int(facts["Size"]), facts["Config"].get("Labels") or {})

    def memory_limit(self, asked: int | None) -> int | None:
        with self._explained("tell its settings"):
            return memory_limit(self._api().info(), asked)

    def start(self, launch: Launch, console_log: Path) -> Handle:
        if launch.device is DeviceKind.GPU:
            self._require_gpus(launch)
        with self._explained("create the container", where=launch.image):
            container_id: str = self._api().create_container(**self._settings(launch))["Id"]
        try:
            with self._explained("start the container", where=launch.image):
                self._api().start(container_id)
        except BaseException:
            # Docker leaves a container that could not start behind
            with suppress(docker.errors.APIError, requests.RequestException):
                self._api().remove_container(container_id, force=True, v=True)
            raise
        return Handle(self.name, container_id)

    def poll(self, handle: Handle) -> ProcessEnd | None:
        was_there = self._client is not None
        try:
            container = self._api().inspect_container(handle.id)
        except docker.errors.NotFound:
            return ProcessEnd(None)
        except (docker.errors.DockerException, requests.RequestException) as error:
            # no answer is no end: with live-restore the container outlives its daemon
            if was_there and self._may_stay_silent():
                return None
            raise self._unreachable(error) from error
        self._silent_since = None
        return _end_of(container["State"], (container.get("HostConfig") or {}).get("Memory") or None)

    def interrupt(self, handle: Handle) -> None:
        self._signal(handle, "SIGINT")

    def kill(self, handle: Handle) -> None:
        self._signal(handle, "SIGKILL")

    def fetch_console(self, handle: Handle, console_log: Path) -> None:
        with self._explained("fetch the container's log"), suppress(docker.errors.NotFound):
            _write_whole(console_log, self._api().logs(handle.id, stdout=False, stderr=True, stream=True, follow=False))

    def clean_up(self, handle: Handle, console_log: Path, *, keep: bool) -> None:
        self.fetch_console(handle, console_log)
        if keep:
            return
        with self._explained("remove the container"), suppress(docker.errors.NotFound):
            self._api().remove_container(handle.id, v=True)

    # -- asking the daemon

    def _api(self) -> docker.APIClient:
        if self._client is None:
            connection = self._connection()
            try:
                knock(connection.get("base_url", ""))
                self._client = docker.APIClient(version="auto", **connection)
            except (docker.errors.DockerException, OSError) as error:
                raise self._unreachable(error) from error
        return self._client

    def _connection(self) -> dict[str, Any]:
        if self._base_url:
            return {"base_url": self._base_url}
        if os.environ.get("DOCKER_HOST"):
            return dict(kwargs_from_env())
        # the daemon that the command `docker` talks to, such as Docker Desktop's or a rootless one
        context = docker.ContextAPI.get_current_context()
        return {"base_url": context.Host} if context is not None and context.Host else {}

    def _address(self) -> str:
        return str(self._connection().get("base_url", "the default socket"))

    def _version(self) -> Mapping[str, Any]:
        with self._explained("tell its version"):
            answer: Mapping[str, Any] = self._api().version()
        return answer

    def _security_options(self) -> list[str]:
        with self._explained("tell its settings"):
            return list(self._api().info().get("SecurityOptions") or [])

    def _signal(self, handle: Handle, name: str) -> None:
        with self._explained(f"send {name} to the container"):
            try:
                self._api().kill(handle.id, signal=name)
            except docker.errors.APIError as error:
                # gone or over: there is nothing left to end
                if error.status_code not in (404, 409) and self.poll(handle) is None:
                    raise

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
        causes = tuple(causes_of(error))
        where = self._address()
        if any(isinstance(cause, PermissionError) for cause in causes):
            return refused(where)
        if self._client is None and any(isinstance(c, (FileNotFoundError, ConnectionRefusedError)) for c in causes):
            return EngineError(
                NO_DAEMON,
                "no Docker daemon answers on this machine",
                where=where,
                hint="Start it (`sudo systemctl start docker`), or run without a container: engine.kind: local.",
            )
        spoken = next((cause for cause in reversed(causes) if isinstance(cause, OSError) and cause.strerror), error)
        started = "A run that was started may be going on: `loghi-runner show RUN` looks again when Docker is back."
        named = "Is the environment variable DOCKER_HOST right? " if os.environ.get("DOCKER_HOST") else ""
        return EngineError(
            "engine.docker_unreachable",
            f"the Docker daemon does not answer: {spoken}",
            where=where,
            hint=named + started,
        )

    # -- what a run's container is

    def _require_gpus(self, launch: Launch) -> None:
        if not launch.gpus:
            raise EngineError("engine.gpu_none_chosen", "a graphics card was asked for, but none was chosen")
        product = _product(self._version())
        if product.startswith("Podman"):
            # it takes device requests and does nothing with them: the run would go on the CPU unnoticed
            raise EngineError(
                "engine.gpu_podman",
                f"{product} behind Docker's socket does not hand out graphics cards",
                where=self._address(),
                hint="Use Docker itself for a run with a graphics card, or set engine.gpus: none.",
            )

    def _settings(self, launch: Launch) -> dict[str, Any]:
        api = self._api()
        security = self._security_options()
        host_config = api.create_host_config(
            mounts=[
                DockerMount(str(mount.target), str(mount.source), type="bind", read_only=mount.read_only)
                for mount in launch.mounts
            ],
            device_requests=_device_requests(launch.gpus),
            network_mode="none",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            read_only=True,
            tmpfs={"/tmp": _TMP_OPTIONS},  # noqa: S108  # the container's own
            shm_size=_GIB,
            pids_limit=_PIDS_LIMIT,
            init=True,
            log_config=LogConfig(type=LogConfig.types.JSON, config=_LOG_OPTIONS),
            # a daemon with a user namespace of its own would turn the caller's id into another one
            userns_mode="host" if any(option.startswith("name=userns") for option in security) else None,
            group_add=_groups(security),
            **host_limits(self._api().info(), launch.memory_bytes),
        )
        return {
            "image": launch.image,
            "name": f"loghi-{launch.run_id}",
            "user": _user(security),
            "labels": {RUN_LABEL: launch.run_id},
            "environment": {"NVIDIA_VISIBLE_DEVICES": ",".join(launch.gpus) or "void"},
            "host_config": host_config,
            "stop_signal": "SIGINT",
            "stop_timeout": STOP_GRACE_S,
            "use_config_proxy": False,
        }


def _product(version: Mapping[str, Any]) -> str:
    names = [component["Name"] for component in version.get("Components") or []]
    return "Podman Engine" if "Podman Engine" in names else "Docker"


def _rootless(security: list[str]) -> bool:
    return any(option.startswith("name=rootless") for option in security)


def _user(security: list[str]) -> str:
    """The caller inside the container; a rootless daemon's root *is* the caller."""
    return "0:0" if _rootless(security) else f"{os.getuid()}:{os.getgid()}"


def _groups(security: list[str]) -> list[str | int]:
    """The caller's further groups: shared data is often readable by a group only."""
    return [] if _rootless(security) else [str(group) for group in os.getgroups() if group != os.getgid()]


def _device_requests(gpus: tuple[str, ...]) -> list[DeviceRequest] | None:
    """By UUID: indices change with the order in which a machine finds its cards. Inside they are always 0, 1, ..."""
    return [DeviceRequest(driver="nvidia", device_ids=list(gpus), capabilities=[["gpu"]])] if gpus else None


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


def _write_whole(path: Path, parts: Iterator[bytes]) -> None:
    """Replace the file in one step, so that a broken connection leaves what was there."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
