"""From page images with PAGE XML to a better model, with the real trainer."""

import json
import shutil
from pathlib import Path

import pytest

from loghi_contract.model_folder import inspect_model_folder
from loghi_contract.widths import frames_of as frames_by_host
from loghi_runner.cli.main import run as run_command

pytestmark = pytest.mark.tf

SAMPLE = Path(__file__).parents[2] / "examples" / "sample"


def test_the_host_knows_the_networks_time_steps() -> None:
    from loghi_trainer.base_model import open_base_model
    from loghi_trainer.network import frames_of

    facts = inspect_model_folder(SAMPLE / "base_model")
    network = open_base_model(SAMPLE / "base_model").network
    for width_px in (1, 30, 257, 1000, 1999):
        by_host = frames_by_host(facts.windows, width_px, facts.height_px, facts.height_px)
        assert by_host == frames_of(network, width_px + 50)


def test_finetune_learns_from_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = tmp_path / "pages"
    shutil.copytree(SAMPLE / "pages/new_hand", pages, ignore=shutil.ignore_patterns("letters-0[789]*"))
    config = tmp_path / "pages.yaml"
    config.write_text(
        f"base_model: {SAMPLE / 'base_model'}\n"
        f"data: {{pages: {pages}, cut: polygon}}\n"
        "output: runs\nengine: {kind: local, gpus: none}\ntraining: {epochs: 1}\n"
    )
    assert run_command(["finetune", str(config), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    scores = {event["model"]: event["cer"] for event in events if event["kind"] == "evaluation"}
    assert scores["best_val"] < scores["base_model"]
    finished = next(event for event in events if event["kind"] == "finished")
    assert finished["peak_memory_mb"] > 100
    (run_dir,) = (path for path in (tmp_path / "runs").iterdir() if not path.name.startswith("."))
    split = (run_dir / "out" / "report" / "split.tsv").read_text().splitlines()
    assert {row.split("\t")[0] for row in split[1:]} == {"train", "val", "test"}
