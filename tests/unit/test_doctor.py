"""What doctor says about machines that lack one thing or another."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from loghi_runner import doctor
from loghi_runner.engines import NO_DAEMON
from loghi_runner.engines.base import Engine
from loghi_runner.engines.docker import DockerEngine
from loghi_runner.engines.gpus import Card, Cards
from loghi_runner.engines.image import ImageFacts
from loghi_runner.engines.local import LocalEngine
from loghi_runner.errors import EngineError
from loghi_runner.findings import Finding, Severity

NO_CARDS = Cards((), "this machine has no NVIDIA driver")
LABELS = {"org.loghi-runner.contract": "1"}


class FakeDocker(DockerEngine):
    def __init__(self, error: EngineError | None = None, *, images: str = "cpu cuda") -> None:
        self.error = error
        self.images = images.split()

    def check(self) -> str:
        if self.error is not None:
            raise self.error
        return "docker, version 1"

    def find_image(self, name: str) -> ImageFacts | None:
        return ImageFacts(name, "sha256:1", 2 * 1024**3, LABELS) if name.rpartition("-")[2] in self.images else None

    def data_folder(self) -> Path:
        return Path("/")


class FakeLocal(LocalEngine):
    def __init__(self, error: EngineError | None = None, *, why_not: str = "") -> None:
        self.error = error
        self.why_not = why_not

    def check(self) -> str:
        if self.error is not None:
            raise self.error
        return "local, version 1"

    def why_no_card(self) -> str:
        return self.why_not


NO_DOCKER = FakeDocker(EngineError(NO_DAEMON, "no Docker daemon", hint="start it"))
NO_LOCAL = FakeLocal(EngineError("engine.local_packages", "keras is missing", hint="install it"))


def examined(
    monkeypatch: pytest.MonkeyPatch, folder: Path, docker: FakeDocker, local: FakeLocal, cards: Cards = NO_CARDS
) -> dict[str, Finding]:
    engines: dict[str, Engine] = {"docker": docker, "local": local}
    monkeypatch.setattr(doctor, "load_engine", engines.__getitem__)
    return {finding.code: finding for finding in doctor.examine(folder, lambda: cards)}


def test_one_engine_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = examined(monkeypatch, tmp_path, NO_DOCKER, FakeLocal())
    assert found[NO_DAEMON].severity is Severity.WARNING
    found = examined(monkeypatch, tmp_path, FakeDocker(), NO_LOCAL)
    assert found["engine.local_packages"].severity is Severity.INFO


def test_no_engine_at_all_is_an_error_with_both_remedies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = examined(monkeypatch, tmp_path, NO_DOCKER, NO_LOCAL)
    errors = [finding for finding in found.values() if finding.severity is Severity.ERROR]
    assert [finding.hint for finding in errors] == ["start it", "install it"]


def test_a_missing_image_stops_even_where_local_would_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = examined(monkeypatch, tmp_path, FakeDocker(images=""), FakeLocal())
    assert found["engine.image_missing"].severity is Severity.ERROR


CARD = Card("GPU-1", "H0", 16384, 16384, 0, capability=(8, 0))
BUSY = Card("GPU-1", "H0", 16384, 8192, 2, capability=(8, 0))
DOCKER, LOCAL = FakeDocker(), FakeLocal()
CPU_ONLY = "the installed TensorFlow 2.21.0 (tensorflow-cpu) can use no graphics card"


@pytest.mark.parametrize(
    ("cards", "docker", "local", "ready", "said"),
    [
        # no card: the CPU image is all that counts
        ((), DOCKER, LOCAL, True, {}),
        ((), FakeDocker(images="cpu"), NO_LOCAL, True, {}),
        ((), FakeDocker(images="cuda"), LOCAL, False, {"engine.image_missing": "error"}),
        ((), NO_DOCKER, FakeLocal(why_not=CPU_ONLY), True, {}),
        # a free card: the CUDA image, or a TensorFlow with CUDA
        ((CARD,), DOCKER, NO_LOCAL, True, {}),
        ((CARD,), FakeDocker(images="cuda"), NO_LOCAL, True, {"engine.image_missing": "warning"}),
        ((CARD,), FakeDocker(images="cpu"), LOCAL, False, {"engine.image_missing": "error"}),
        ((CARD,), NO_DOCKER, LOCAL, True, {}),
        ((CARD,), NO_DOCKER, FakeLocal(why_not=CPU_ONLY), True, {"engine.local_without_cuda": "warning"}),
        # docker is what runs use: what local lacks is then no matter
        ((CARD,), DOCKER, FakeLocal(why_not=CPU_ONLY), True, {}),
        # all cards in use: a run waits for one
        ((BUSY,), FakeDocker(images="cuda"), NO_LOCAL, True, {"engine.image_missing": "warning"}),
        ((BUSY,), FakeDocker(images="cpu"), NO_LOCAL, False, {"engine.image_missing": "error"}),
    ],
)
def test_ready_is_said_when_a_run_would_start(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    cards: tuple[Card, ...],
    docker: FakeDocker,
    local: FakeLocal,
    ready: bool,
    said: dict[str, str],
) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: DiskUsage(free=100 << 30))
    found = examined(monkeypatch, tmp_path, docker, local, Cards(cards, "" if cards else "no driver"))
    assert all(finding.severity is not Severity.ERROR for finding in found.values()) == ready
    codes = ("engine.image_missing", "engine.local_without_cuda")
    assert {code: found[code].severity.value for code in codes if code in found} == said


@dataclass
class DiskUsage:
    free: int


@pytest.mark.parametrize(("cards", "free_gb", "is_little"), [((CARD,), 13, True), ((CARD,), 15, False), ((), 6, False)])
def test_the_disk_must_hold_the_build_of_the_image_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cards: tuple[Card, ...], free_gb: int, is_little: bool
) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: DiskUsage(free=free_gb << 30))
    docker = FakeDocker(images="cpu" if cards else "")
    found = examined(monkeypatch, tmp_path, docker, NO_LOCAL, Cards(cards, ""))
    assert ("disk.little_for_image" in found) == is_little


def test_lost_cards_and_those_given_to_others_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cards = Cards((CARD,), "", lost=("card 0 does not answer",), hidden=(BUSY,), limit="SLURM_JOB_GPUS=1")
    found = examined(monkeypatch, tmp_path, DOCKER, LOCAL, cards)
    assert found["gpu.card_lost"].severity is Severity.WARNING
    assert found["gpu.limit"].message == "SLURM_JOB_GPUS=1 is set: 1 card of this machine is left to others"


@pytest.mark.parametrize(("capability", "code"), [((5, 2), "gpu.too_old"), ((12, 0), "gpu.first_start")])
def test_a_card_that_tensorflow_has_no_kernels_for_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capability: tuple[int, int], code: str
) -> None:
    found = examined(monkeypatch, tmp_path, DOCKER, LOCAL, Cards((replace(CARD, capability=capability),), ""))
    assert found[code].severity is not Severity.ERROR


def test_every_problem_comes_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = examined(monkeypatch, tmp_path, FakeDocker(images=""), NO_LOCAL)
    assert all(finding.hint for finding in found.values() if finding.severity is not Severity.INFO)


def test_cards_are_named_with_who_uses_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cards = Cards((Card("GPU-1", "Fake H0", 16384, 8192, 2),), "")
    found = examined(monkeypatch, tmp_path, FakeDocker(), FakeLocal(), cards)
    assert found["gpu.card"].message == "Fake H0, 8 of 16 GB free, 2 programs compute on it"


def test_a_folder_that_is_not_there_yet_is_looked_at_where_it_will_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = examined(monkeypatch, tmp_path / "not" / "yet", FakeDocker(), FakeLocal())
    disk = found.get("disk.free") or found["disk.little"]
    assert disk.where == str(tmp_path)
