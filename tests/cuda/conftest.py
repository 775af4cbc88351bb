"""The CUDA image with a stand-in for the graphics driver, so that TensorFlow in it finds a card where there is none."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from loghi_contract import CONTRACT
from loghi_contract.job import DeviceKind
from loghi_runner.engines.image import default_image
from tests.docker_images import built_image, docker_client

STUBBED_IMAGE = "loghi-runner-test-cuda-stub"
HERE = Path(__file__).parent
_STUBS = {"libcuda.so.1": "cuda.c", "libnvidia-ml.so.1": "nvml.c"}


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    with docker_client() as made:
        yield made


@pytest.fixture(scope="session")
def stubbed_image(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Ours, with the stub driver where the NVIDIA Container Toolkit puts the real one."""
    built = tmp_path_factory.mktemp("stub")
    for library, source in _STUBS.items():
        arguments = ["-shared", "-fPIC", "-O1", f"-Wl,-soname,{library}", "-o", built / library, HERE / "stub" / source]
        subprocess.run(["cc", *arguments], check=True)
    dockerfile = (
        f"FROM {default_image(DeviceKind.GPU)}\nUSER 0\nCOPY {' '.join(_STUBS)} /usr/local/lib/\n"
        "RUN /sbin/ldconfig\nUSER 1000:1000\n"
    )
    libraries = {library: (built / library).read_bytes() for library in _STUBS}
    with built_image(client, STUBBED_IMAGE, {"Dockerfile": dockerfile.encode(), **libraries}) as name:
        yield name


RunInImage = Callable[..., str]


@pytest.fixture
def in_image(client: docker.DockerClient, stubbed_image: str) -> RunInImage:
    """Runs a Python program in the image as a run's container is: no network, a root that cannot be written."""

    def run(program: str, *arguments: str, image: str = stubbed_image, errors: bool = False, **environment: str) -> str:
        """Its standard output, or its standard error."""
        printed = client.containers.run(
            image,
            ["-c", program, *arguments],
            stdout=not errors,
            stderr=errors,
            entrypoint="python",
            environment=environment,
            network_mode="none",
            read_only=True,
            tmpfs={"/tmp": "", "/in": "", "/out": "mode=1777"},
            cap_drop=["ALL"],
            remove=True,
        )
        return str(printed.decode())

    return run


#: A recognition on a card, of a model that is not there: how it fails tells whether a card was found before.
JOB: dict[str, Any] = {
    "contract": CONTRACT,
    "run_id": "run",
    "action": "recognize",
    "list": "/in/job/lists/lines.txt",
    "device": "gpu",
    "batch_size": 1,
    "beam_width": 1,
}
WRITE_JOB = f"""
import os, pathlib
os.environ["LOGHI_ROOT"] = root = "/out"
job = pathlib.Path(root, "in/job/job.json")
job.parent.mkdir(parents=True)
pathlib.Path(root, "out").mkdir()
job.write_text({json.dumps(JOB)!r})
"""
