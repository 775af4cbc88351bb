"""Lines read in a container and without one."""

import json
from pathlib import Path

import pytest

from loghi_runner.cli.main import run as run_command

pytestmark = [pytest.mark.docker, pytest.mark.tf]

SAMPLE = Path(__file__).parents[2] / "examples" / "sample"


def test_a_container_reads_the_same_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = (SAMPLE / "test.txt").read_text(encoding="utf-8").splitlines()[:6]
    lines = tmp_path / "lines.txt"
    lines.write_text("".join(f"{SAMPLE}/{row}\n" for row in rows), encoding="utf-8")
    read = {}
    for engine in ("docker", "local"):
        out = tmp_path / engine
        arguments = ["recognize", str(SAMPLE / "base_model"), str(lines), "-o", str(out), "--json"]
        assert run_command([*arguments, "--engine", engine, "--gpus", "none"]) == 0, capsys.readouterr()
        rows = [row.split("\t") for row in (out / "results.txt").read_text(encoding="utf-8").splitlines()]
        read[engine] = [(image, text) for image, _confidence, text in rows]
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["failed"] == {}
    assert read["docker"] == read["local"]
