"""What `loghi-runner image` says where there is no Docker."""

from pathlib import Path

import pytest

from loghi_runner.cli.main import run


@pytest.fixture(autouse=True)
def without_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")


def test_a_build_without_a_daemon_ends_before_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["image", "build"]) == 4
    assert "no Docker daemon answers" in capsys.readouterr().err


def test_no_daemon_means_that_no_image_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["image", "build", "--if-missing"]) == 0
    assert "no image is needed" in capsys.readouterr().err


def test_a_check_without_a_daemon_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["image", "check"]) == 4
    assert capsys.readouterr().out == ""
