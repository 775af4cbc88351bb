"""`gpus: auto-or-cpu` in containers: the image is that of the device which the run has in the end."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines import leases, nvml
from loghi_runner.engines.gpus import Card, Cards
from loghi_runner.engines.image import default_image
from tests.docker.conftest import STAND_IN_LOG
from tests.docker_images import built_image
from tests.integration.conftest import ROOT, Workplace, make_workplace

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(STAND_IN_LOG not in os.environ, reason="needs a daemon started by .ci/docker-daemon.sh"),
]

FREE = Cards((Card("GPU-fake-1", "H0", 16000, 15000, 0),), "")
TAKEN = Cards((replace(FREE.cards[0], processes=1),), "")


def image_of(kind: DeviceKind) -> str:
    return f"loghi-runner-test-{kind.value}"


@pytest.fixture(scope="module")
def images(client: docker.DockerClient) -> Iterator[None]:
    """The images of both devices, with the stand-in trainer in them."""
    dockerfile = (
        f"FROM {default_image(DeviceKind.CPU)}\nCOPY fake_trainer.py /opt/\nENV LOGHI_FAKE_TRAINER=success\n"
        'ENTRYPOINT ["python", "/opt/fake_trainer.py"]\n'
    )
    files = {"fake_trainer.py": (ROOT / "tests" / "fake_trainer.py").read_bytes(), "Dockerfile": dockerfile.encode()}
    with ExitStack() as built:
        for kind in DeviceKind:
            built.enter_context(built_image(client, image_of(kind), files))
        yield


@pytest.fixture
def place(tmp_path: Path, images: None, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.setattr(leases, "SHARED_FOLDER", tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("loghi_runner.engines.docker.default_image", image_of)
    made = make_workplace(tmp_path)
    made.config.write_text(
        made.config.read_text().replace("kind: local, gpus: none", "kind: docker, gpus: auto-or-cpu")
    )
    return made


@pytest.mark.parametrize(
    ("looks", "device"),
    [
        ([], DeviceKind.CPU),
        # the plan, and once more before the run folder is made
        ([FREE, FREE], DeviceKind.CPU),
        ([FREE] * 20, DeviceKind.GPU),
    ],
    ids=["no card is free", "the card is taken at the last moment", "a card is free"],
)
def test_the_image_is_that_of_the_device_in_the_end(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, looks: list[Cards], device: DeviceKind
) -> None:
    answers = list(looks)
    monkeypatch.setattr(nvml, "list_cards", lambda: answers.pop() if answers else TAKEN)

    done = place.finetune()

    assert done.returncode == 0, done.stderr
    record = place.record()
    assert (record["state"], record["device"], record["image"]) == ("finished", device.value, image_of(device))
    asked = cards_asked_for(record["handle"]["id"])
    assert (record["gpus"], asked) == (asked, ["GPU-fake-1"] if device is DeviceKind.GPU else [])
    job = json.loads((place.run_dir / "in" / "job.json").read_text())
    assert job["device"] == device.value
    assert ("this run goes on the processor" in " ".join(done.stderr.split())) == (len(looks) == 2)


def cards_asked_for(container: str) -> list[str]:
    """What a container asked of the stand-in for NVIDIA's hook."""
    log = Path(os.environ[STAND_IN_LOG])
    # nobody may have asked for any yet
    asked = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [card for request in asked if request["container"] == container for card in request["cards"]]
