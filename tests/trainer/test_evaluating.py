"""`evaluate` and `compare` with the real trainer, on the sample: the same numbers as the run's own."""

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loghi_runner.cli.main import run as run_command
from tests.trainer.forked import forking

pytestmark = pytest.mark.tf

SAMPLE = Path(__file__).parents[2] / "examples" / "sample"
MODEL = str(SAMPLE / "base_model")
LINES = str(SAMPLE / "test.txt")
HERE = ("--engine", "local", "--gpus", "none")


def ask(*arguments: str) -> dict[str, Any]:
    answer = io.StringIO()
    with contextlib.redirect_stdout(answer):
        assert run_command([*arguments, *HERE, "--json"]) == 0
    value: dict[str, Any] = json.loads(answer.getvalue().splitlines()[-1])
    return value


@pytest.fixture(scope="module", autouse=True)
def _forked() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in forking().items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One epoch on a few lines of the sample, judged on some of the sample's test lines."""
    place = tmp_path_factory.mktemp("run")
    for split, count in (("train", 16), ("val", 4), ("test", 12)):
        rows = (SAMPLE / f"{split}.txt").read_text(encoding="utf-8").splitlines()[:count]
        (place / f"{split}.txt").write_text("\n".join(rows), encoding="utf-8")
    (place / "config.yaml").write_text(
        f"name: sample_run\nbase_model: {MODEL}\n"
        f"data: {{train: train.txt, validation: val.txt, test: test.txt, root: {SAMPLE}}}\n"
        "training: {epochs: 1, batch_size: 8, freeze: [conv, recurrent]}\n"
        "output: runs\nengine: {kind: local, gpus: none}\n",
        encoding="utf-8",
    )
    assert run_command(["finetune", str(place / "config.yaml"), "--json"]) == 0
    (found,) = (place / "runs").glob("2*")
    return found


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The sample's test lines read by its base model: the folder, and the answer."""
    folder = tmp_path_factory.mktemp("scored") / "out"
    return folder, ask("evaluate", MODEL, LINES, "-o", str(folder))


def test_a_runs_models_score_as_the_run_itself_said(run: Path) -> None:
    events = [json.loads(line) for line in (run / "out/events.jsonl").read_text(encoding="utf-8").splitlines()]
    told = {event["model"]: event for event in events if event["kind"] == "evaluation" and event["split"] == "test"}
    found = ask("compare", MODEL, str(run), str(run))
    base, best = (each["scores"]["diplomatic"] for each in found["models"])
    assert found["lines"] == told["base_model"]["lines"]
    assert base["cer"] == pytest.approx(told["base_model"]["cer"], abs=1e-4)
    assert base["wer"] == pytest.approx(told["base_model"]["wer"], abs=1e-4)
    assert best["cer"] == pytest.approx(told["best_val"]["cer"], abs=1e-4)


def test_a_list_and_its_results_file_agree(tmp_path: Path, scored: tuple[Path, dict[str, Any]]) -> None:
    ask("recognize", MODEL, LINES, "-o", str(tmp_path / "read"), "--batch-size", "3")
    results = (tmp_path / "read/results.txt").read_text(encoding="utf-8")
    assert results == (scored[0] / "results.txt").read_text(encoding="utf-8")
    assert results.count("\n") == len((SAMPLE / "test.txt").read_text(encoding="utf-8").splitlines())


def test_a_beam_of_one_is_greedy_and_a_wider_one_reads_as_well(scored: tuple[Path, dict[str, Any]]) -> None:
    greedy = scored[1]
    wide = ask("evaluate", MODEL, LINES, "--beam", "5")
    assert wide["loghi"]["cer"] <= greedy["loghi"]["cer"] + 0.02
