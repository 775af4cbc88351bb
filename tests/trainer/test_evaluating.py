"""`evaluate` and `compare` with the real trainer, on the sample: the same numbers as the run's own."""

import json
from pathlib import Path

import pytest

from loghi_runner.cli.main import run as run_command

pytestmark = pytest.mark.tf

SAMPLE = Path(__file__).parents[2] / "examples" / "sample"
MODEL = str(SAMPLE / "base_model")
HERE = ("--engine", "local", "--gpus", "none")


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert run_command([*arguments, *HERE, "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One epoch on a few lines of the sample; its test lines are the sample's."""
    place = tmp_path_factory.mktemp("run")
    rows = (SAMPLE / "train.txt").read_text(encoding="utf-8").splitlines()[:24]
    (place / "train.txt").write_text("\n".join(rows), encoding="utf-8")
    (place / "config.yaml").write_text(
        f"name: sample_run\nbase_model: {MODEL}\n"
        f"data: {{train: train.txt, validation: {SAMPLE / 'val.txt'}, test: {SAMPLE / 'test.txt'}, root: {SAMPLE}}}\n"
        "output: runs\ntraining: {epochs: 1, batch_size: 8}\nengine: {kind: local, gpus: none}\n",
        encoding="utf-8",
    )
    assert run_command(["finetune", str(place / "config.yaml"), "--json"]) == 0
    (found,) = (place / "runs").glob("2*")
    return found


def test_a_runs_models_score_as_the_run_itself_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = [json.loads(line) for line in (run / "out/events.jsonl").read_text(encoding="utf-8").splitlines()]
    told = {event["model"]: event for event in events if event["kind"] == "evaluation" and event["split"] == "test"}
    found = ask(capsys, "compare", MODEL, str(run), str(run))
    base, best = (each["scores"]["diplomatic"] for each in found["models"])
    assert found["lines"] == told["base_model"]["lines"]
    assert base["cer"] == pytest.approx(told["base_model"]["cer"], abs=1e-4)
    assert base["wer"] == pytest.approx(told["base_model"]["wer"], abs=1e-4)
    assert best["cer"] == pytest.approx(told["best_val"]["cer"], abs=1e-4)


def test_a_list_and_its_results_file_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = str(SAMPLE / "test.txt")
    ask(capsys, "evaluate", MODEL, lines, "-o", str(tmp_path / "scored"))
    ask(capsys, "recognize", MODEL, lines, "-o", str(tmp_path / "read"), "--batch-size", "3")
    results = (tmp_path / "read/results.txt").read_text(encoding="utf-8")
    assert results == (tmp_path / "scored/results.txt").read_text(encoding="utf-8")
    assert results.count("\n") == len((SAMPLE / "test.txt").read_text(encoding="utf-8").splitlines())


def test_a_beam_of_one_is_greedy_and_a_wider_one_reads_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    greedy = ask(capsys, "evaluate", MODEL, str(SAMPLE / "test.txt"))
    wide = ask(capsys, "evaluate", MODEL, str(SAMPLE / "test.txt"), "--beam", "5")
    assert wide["loghi"]["cer"] <= greedy["loghi"]["cer"] + 0.02
