"""A container holds its run's card: through a read-only mount, whoever follows it, until it is gone."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines import leases
from loghi_runner.engines.container import container_name
from loghi_runner.engines.image import default_image
from loghi_runner.engines.leases import lease_folder
from tests import fake_nvml
from tests.card_place import CardPlace
from tests.docker.conftest import STAND_IN_LOG
from tests.docker_images import built_image
from tests.integration.conftest import ROOT

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(STAND_IN_LOG not in os.environ, reason="needs a daemon started by .ci/docker-daemon.sh"),
]

IMAGE = "loghi-runner-test-leased"
CARD = "GPU-fake-1"


@pytest.fixture(scope="module")
def image(client: docker.DockerClient) -> Iterator[str]:
    """The CPU image with this checkout's code, and the stand-in trainer in place of the real one."""
    code = io.BytesIO()
    with tarfile.open(fileobj=code, mode="w") as archive:
        for package in ("loghi_contract", "loghi_trainer"):
            archive.add(ROOT / "container" / package, package, filter=_without_compiled)
    files = {
        "Dockerfile": (
            f"FROM {default_image(DeviceKind.CPU)}\nADD code.tar /opt/code/\nCOPY *.py /opt/code/\n"
            "ENV LOGHI_FAKE_TRAINER=waits_for_go PYTHONPATH=/opt/code\n"
            'ENTRYPOINT ["python", "/opt/code/leased_trainer.py"]\n'
        ).encode(),
        "code.tar": code.getvalue(),
        "fake_trainer.py": (ROOT / "tests" / "fake_trainer.py").read_bytes(),
        "leased_trainer.py": Path(__file__).with_name("leased_trainer.py").read_bytes(),
    }
    with built_image(client, IMAGE, files) as name:
        yield name


@pytest.fixture
def place(
    tmp_path: Path, image: str, client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CardPlace]:
    monkeypatch.setattr(leases, "SHARED_FOLDER", tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(fake_nvml.CARDS_VARIABLE, "")
    made = CardPlace(tmp_path, (CARD,))
    config = made.place.config.read_text().replace("kind: local", f"kind: docker, image: {image}")
    made.place.config.write_text(config)
    yield made
    made.close()
    for record in made.records():
        for container in client.containers.list(all=True, filters={"name": container_name(record["run_id"])}):
            container.remove(force=True)


def _without_compiled(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if member.name.endswith("__pycache__") else member


def is_leased() -> bool:
    folder = lease_folder()
    with folder.deciding():
        return CARD in folder.leased([CARD])


def running(place: CardPlace, client: docker.DockerClient) -> tuple[int, docker.models.containers.Container]:
    """The host, and the container once it has the card itself."""
    host = place.start()
    record = place.until(lambda: next((each for each in place.records() if each["state"] == "running"), None))
    run = place.folder / "runs" / record["run_id"]
    place.until(lambda: (run / "out" / "model").exists() or None)
    place.until(lambda: not any("leases" in str(path.resolve()) for path in Path(f"/proc/{host}/fd").iterdir()))
    return host, client.containers.get(container_name(record["run_id"]))


def test_the_container_keeps_the_card_when_its_host_is_killed_and_frees_it_with_its_own_end(
    place: CardPlace, client: docker.DockerClient
) -> None:
    host, container = running(place, client)
    mounts = {mount["Destination"]: mount["RW"] for mount in container.attrs["Mounts"]}
    assert {path: writable for path, writable in mounts.items() if "lease" in path} == {
        "/in/leases/0": False,
        "/in/leases/1": False,
    }
    place.kill(host)
    assert is_leased()
    container.kill()
    container.wait()
    assert not is_leased()


def test_a_card_is_free_as_soon_as_its_container_is_gone_though_its_host_lives(
    place: CardPlace, client: docker.DockerClient
) -> None:
    host, container = running(place, client)
    os.kill(host, 19)  # SIGSTOP: it cannot do anything about it
    container.kill()
    container.wait()
    assert not is_leased()
    os.kill(host, 18)
    assert place.ended(host) == 4
