"""What comes with loghi-runner besides its code, as a checkout has it; test_wheel.py looks at an installed one."""

import json
from importlib import metadata
from pathlib import Path

import pytest

from loghi_runner.cli.main import run
from loghi_runner.installed import pip_install


def test_the_sample_is_written_out_with_its_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "--sample", str(tmp_path / "my sample"), "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert said["config"] == str(tmp_path / "my sample" / "demo.yaml")
    assert (tmp_path / "my sample" / "base_model" / "model.keras").is_file()
    assert run(["init", "--sample", str(tmp_path / "my sample")]) == 2


def test_a_sample_replaces_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter.txt").write_text("dear")

    assert run(["init", "--sample", str(tmp_path)]) == 2
    assert run(["init", "--sample", str(tmp_path / "letter.txt")]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    assert "nothing was written" in capsys.readouterr().err


def test_a_sample_and_a_script_are_not_asked_for_at_once(tmp_path: Path) -> None:
    assert run(["init", "--sample", str(tmp_path / "sample"), "--from", "finetune.sh"]) == 2
    assert not (tmp_path / "sample").exists()


class _Distribution:
    def __init__(self, origin: str | None) -> None:
        self._origin = origin

    def read_text(self, _name: str) -> str | None:
        return self._origin


@pytest.mark.parametrize("origin", [None, "{", '{"url": "https://index.example/x.whl"}', '{"url": "file:///gone.whl"}'])
def test_where_the_place_is_not_known_any_wheel_is_named(monkeypatch: pytest.MonkeyPatch, origin: str | None) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda _name: _Distribution(origin))

    assert pip_install("serve") == "pip install 'loghi_runner-VERSION-py3-none-any.whl[serve]'"


def test_a_place_with_blanks_can_be_typed_as_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheel = tmp_path / "my wheels" / "loghi_runner-0.1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.touch()
    monkeypatch.setattr(metadata, "distribution", lambda _name: _Distribution(json.dumps({"url": wheel.as_uri()})))

    assert pip_install("cpu") == f"pip install '{wheel}[cpu]'"
