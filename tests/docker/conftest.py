"""A real daemon and an image whose program reports what the container lets it do."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

import docker
import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines.base import Handle, Launch, Mount, ProcessEnd
from loghi_runner.engines.container import RUN_LABEL
from loghi_runner.engines.docker import DockerEngine
from loghi_runner.engines.image import default_image
from tests.docker_images import built_image, docker_client

PROBE_IMAGE = "loghi-runner-test-probe"
STAND_IN_LOG = "LOGHI_RUNNER_GPU_STAND_IN_LOG"

DEADLINE_S = 60.0

T = TypeVar("T")


@dataclass
class Bench:
    """A run folder without the host around it, and the containers it started."""

    engine: DockerEngine
    client: docker.DockerClient
    run_dir: Path
    launch: Launch

    @property
    def console_log(self) -> Path:
        return self.run_dir / "console.log"

    @property
    def out(self) -> Path:
        return self.run_dir / "out"

    def start(self, mode: str, **changes: object) -> Handle:
        (self.run_dir / "in" / "mode").write_text(mode)
        return self.engine.start(replace(self.launch, **changes), self.console_log)  # type: ignore[arg-type]

    def wait(self, handle: Handle) -> ProcessEnd:
        return wait_until(lambda: self.engine.poll(handle))

    def containers(self) -> list[str]:
        """The states of this run's containers."""
        found = self.client.containers.list(all=True, filters={"label": f"{RUN_LABEL}={self.launch.run_id}"})
        return [container.status for container in found]


def wait_until(look: Callable[[], T | None]) -> T:
    """What `look` gives as soon as it gives something."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        found = look()
        if found is not None:
            return found
        time.sleep(0.02)
    raise TimeoutError


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    with docker_client() as made:
        yield made


@pytest.fixture(scope="session")
def probe_image(client: docker.DockerClient) -> Iterator[str]:
    """The CPU image with the probe in place of the trainer."""
    dockerfile = (
        f'FROM {default_image(DeviceKind.CPU)}\nCOPY probe.py /opt/probe.py\nENTRYPOINT ["python", "/opt/probe.py"]\n'
    )
    probe = (Path(__file__).parent / "probe.py").read_bytes()
    with built_image(client, PROBE_IMAGE, {"Dockerfile": dockerfile.encode(), "probe.py": probe}) as name:
        yield name


@pytest.fixture
def bench(tmp_path: Path, client: docker.DockerClient, probe_image: str) -> Iterator[Bench]:
    run_dir, data = tmp_path / "run", tmp_path / "the data"
    for folder in (run_dir / "in", run_dir / "out", data):
        folder.mkdir(parents=True)
    (data / "line one.png").write_bytes(b"")
    run_id = f"test-{os.getpid()}-{time.monotonic_ns()}"
    mounts = (
        Mount(run_dir / "in", PurePosixPath("/in/job"), read_only=True),
        Mount(data, PurePosixPath("/in/data/0"), read_only=True),
        Mount(run_dir / "out", PurePosixPath("/out"), read_only=False),
    )
    yield Bench(DockerEngine(), client, run_dir, Launch(run_id, run_dir, probe_image, DeviceKind.CPU, (), mounts))
    for container in client.containers.list(all=True, filters={"label": f"{RUN_LABEL}={run_id}"}):
        container.remove(force=True)
