"""`recognize` with the real trainer: pages read by the sample's base model."""

import json
import shutil
from pathlib import Path

import pytest

from loghi_runner.cli.main import run as run_command
from tests.trainer.forked import forking

pytestmark = pytest.mark.tf

SAMPLE = Path(__file__).parents[2] / "examples" / "sample"
PAGES = SAMPLE / "pages" / "base_hand"


def read(pages: Path, out: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    arguments = [
        "recognize",
        str(SAMPLE / "base_model"),
        str(pages),
        "-o",
        str(out),
        "--engine",
        "local",
        "--gpus",
        "none",
    ]
    assert run_command([*arguments, "--cut", "polygon", "--json", *options]) == 0
    answer: dict[str, object] = json.loads(capsys.readouterr().out)
    return answer


def test_pages_are_read_and_the_batch_does_not_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in forking().items():
        monkeypatch.setenv(name, value)
    pages = tmp_path / "pages"
    shutil.copytree(PAGES, pages, ignore=shutil.ignore_patterns("office-03*"))
    before = {path: path.read_bytes() for path in pages.rglob("*") if path.is_file()}
    answer = read(pages, tmp_path / "many", capsys, "--text")
    assert answer["failed"] == {}
    assert answer["lines"] == 48
    read(pages, tmp_path / "few", capsys, "--batch-size", "3")
    for path in sorted((tmp_path / "many").glob("*.xml")):
        assert path.read_bytes() == (tmp_path / "few" / path.name).read_bytes()
        assert path.with_suffix(".txt").read_text(encoding="utf-8").strip()
    assert {path: path.read_bytes() for path in before} == before
    assert run_command(["compare", str(tmp_path / "many"), str(tmp_path / "few"), "--truth", str(pages), "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert compared["loghi"][0]["cer"] < 0.3
    assert [path.name for path in (tmp_path / "many").iterdir() if path.name.startswith(".")] == []


def test_the_pages_own_folder_is_never_written_to(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["recognize", str(SAMPLE / "base_model"), str(PAGES), "-o", str(PAGES / "new"), "--json"]
    assert run_command(arguments) == 2
    assert json.loads(capsys.readouterr().out)["code"] == "output.in_source"
    assert not (PAGES / "new").exists()
