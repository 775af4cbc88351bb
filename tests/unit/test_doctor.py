"""What doctor says about machines that lack one thing or another."""

from pathlib import Path

import pytest

from loghi_runner import doctor
from loghi_runner.engines import NO_DAEMON
from loghi_runner.engines.gpus import Card, Cards
from loghi_runner.engines.image import ImageFacts
from loghi_runner.errors import EngineError
from loghi_runner.findings import Finding, Severity

NO_CARDS = Cards((), "this machine has no NVIDIA driver")
LABELS = {"org.loghi-runner.contract": "1"}


class FakeEngine:
    def __init__(self, name: str, error: EngineError | None = None, *, has_image: bool = True) -> None:
        self.name = name
        self.error = error
        self.has_image = has_image

    def check(self) -> str:
        if self.error is not None:
            raise self.error
        return f"{self.name}, version 1"

    def find_image(self, name: str) -> ImageFacts | None:
        return ImageFacts(name, "sha256:1", 2 * 1024**3, LABELS) if self.has_image else None


NO_DOCKER = FakeEngine("docker", EngineError(NO_DAEMON, "no Docker daemon", hint="start it"))
NO_LOCAL = FakeEngine("local", EngineError("engine.local_packages", "keras is missing", hint="install it"))


def examined(
    monkeypatch: pytest.MonkeyPatch, folder: Path, docker: FakeEngine, local: FakeEngine, cards: Cards = NO_CARDS
) -> dict[str, Finding]:
    engines = {"docker": docker, "local": local}
    monkeypatch.setattr(doctor, "load_engine", engines.__getitem__)
    return {finding.code: finding for finding in doctor.examine(folder, lambda: cards)}


def test_one_engine_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = examined(monkeypatch, tmp_path, NO_DOCKER, FakeEngine("local"))
    assert found[NO_DAEMON].severity is Severity.WARNING
    found = examined(monkeypatch, tmp_path, FakeEngine("docker"), NO_LOCAL)
    assert found["engine.local_packages"].severity is Severity.INFO


def test_no_engine_at_all_is_an_error_with_both_remedies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = examined(monkeypatch, tmp_path, NO_DOCKER, NO_LOCAL)
    errors = [finding for finding in found.values() if finding.severity is Severity.ERROR]
    assert [finding.hint for finding in errors] == ["start it", "install it"]


def test_a_missing_image_stops_even_where_local_would_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = examined(monkeypatch, tmp_path, FakeEngine("docker", has_image=False), FakeEngine("local"))
    assert found["engine.image_missing"].severity is Severity.ERROR


def test_every_problem_comes_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = examined(monkeypatch, tmp_path, FakeEngine("docker", has_image=False), NO_LOCAL)
    assert all(finding.hint for finding in found.values() if finding.severity is not Severity.INFO)


def test_cards_are_named_with_who_uses_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cards = Cards((Card("GPU-1", "Fake H0", 16384, 8192, 2),), "")
    found = examined(monkeypatch, tmp_path, FakeEngine("docker"), FakeEngine("local"), cards)
    assert found["gpu.card"].message == "Fake H0, 8 of 16 GB free, 2 program(s) compute on it"


def test_a_folder_that_is_not_there_yet_is_looked_at_where_it_will_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = examined(monkeypatch, tmp_path / "not" / "yet", FakeEngine("docker"), FakeEngine("local"))
    disk = found.get("disk.free") or found["disk.little"]
    assert disk.where == str(tmp_path)
