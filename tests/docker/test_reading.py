"""Lines read in a container and without one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from loghi_contract.exit_codes import ExitCode
from loghi_contract.job import DeviceKind
from loghi_runner.cli.main import run as run_command
from loghi_runner.engines.image import default_image
from tests.docker_images import built_image, docker_client

pytestmark = [pytest.mark.docker, pytest.mark.tf]

GREEDY_IMAGE = "loghi-runner-test-greedy"

SAMPLE = Path(__file__).parents[2] / "examples" / "sample"


def some_lines(tmp_path: Path) -> Path:
    rows = (SAMPLE / "test.txt").read_text(encoding="utf-8").splitlines()[:6]
    lines = tmp_path / "lines.txt"
    lines.write_text("".join(f"{SAMPLE}/{row}\n" for row in rows), encoding="utf-8")
    return lines


def test_a_container_reads_the_same_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = some_lines(tmp_path)
    read = {}
    for engine in ("docker", "local"):
        out = tmp_path / engine
        arguments = ["recognize", str(SAMPLE / "base_model"), str(lines), "-o", str(out), "--json"]
        assert run_command([*arguments, "--engine", engine, "--gpus", "none"]) == 0, capsys.readouterr()
        rows = [row.split("\t") for row in (out / "results.txt").read_text(encoding="utf-8").splitlines()]
        read[engine] = [(image, text) for image, _confidence, text in rows]
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["failed"] == {}
    assert read["docker"] == read["local"]


@pytest.fixture(scope="module")
def greedy_image() -> Iterator[str]:
    """The CPU image with a reader that takes all memory for more than eight lines at once."""
    programs = {"fake_trainer.py": Path(__file__).parents[1], "greedy_reader.py": Path(__file__).parent}
    dockerfile = f"FROM {default_image(DeviceKind.CPU)}\nCOPY *.py /opt/\n"
    dockerfile += 'ENTRYPOINT ["python", "/opt/greedy_reader.py"]\n'
    files = {name: (folder / name).read_bytes() for name, folder in programs.items()}
    with (
        docker_client() as client,
        built_image(client, GREEDY_IMAGE, files | {"Dockerfile": dockerfile.encode()}) as it,
    ):
        yield it


@pytest.mark.parametrize(("at_once", "exit_code"), [(16, ExitCode.OK), (64, ExitCode.ENGINE)])
def test_a_container_that_is_ended_for_its_memory_is_read_again_with_half_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], greedy_image: str, at_once: int, exit_code: ExitCode
) -> None:
    arguments = ["recognize", str(SAMPLE / "base_model"), str(some_lines(tmp_path)), "-o", str(tmp_path / "out")]
    arguments += [
        "--engine",
        "docker",
        "--gpus",
        "none",
        "--image",
        greedy_image,
        "--memory",
        "1 GB",
        "--batch-size",
        str(at_once),
    ]

    assert run_command(arguments) == exit_code

    told = " ".join(capsys.readouterr().err.split())
    assert told.count(f"all is read again, {at_once // 2} lines at once; the texts are the same") == 1
    assert "it may take 1.0 GB" in told
    assert ("(`--batch-size`)" in told) == (exit_code != ExitCode.OK)
    assert (tmp_path / "out/results.txt").is_file() == (exit_code == ExitCode.OK)
