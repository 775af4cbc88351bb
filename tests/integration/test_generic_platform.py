"""A platform that knows only the manifest: the shipped example against a real service."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import ROOT
from tests.made_service import TOKENS, MadeService, use_fake_trainer
from tests.served import served

PLATFORM = ROOT / "examples" / "generic_platform.py"
ANSWERS = {"name": "bonnevie", "base_model": "base", "source": {"pages": "bonnevie"}, "training": {"epochs": 3}}
LIMIT_S = 120


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeService:
    use_fake_trainer(monkeypatch, "success")
    return MadeService(tmp_path)


@pytest.fixture
def address(made: MadeService) -> Iterator[str]:
    with served(made) as address:
        yield address
    made.close()


def platform(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        (sys.executable, "-u", str(PLATFORM), *arguments),
        env={**os.environ, "LOGHI_TOKEN": TOKENS["ada"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_it_lists_what_can_be_asked_for(address: str) -> None:
    out, _ = platform(address).communicate(timeout=LIMIT_S)

    assert [line.split()[0] for line in out.splitlines()] == ["check", "finetune", "recognize", "evaluate"]


def test_it_starts_a_run_follows_it_and_fetches_report_and_model(address: str, tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(ANSWERS), encoding="utf-8")

    run = platform(address, "finetune", "--answers", str(answers), "--output", str(tmp_path / "out"))
    out, _ = run.communicate(timeout=LIMIT_S)

    assert run.returncode == 0, out
    assert "epoch 3 of 3: CER" in out
    assert "bonnevie/model.keras" in zipfile.ZipFile(tmp_path / "out" / "model.zip").namelist()
    assert "CER" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_its_form_is_drawn_from_the_manifest(address: str, tmp_path: Path) -> None:
    # name, base model, source (the first alternative), data as it is, training: epochs, then defaults
    typed = ["bonnevie", "base", "1", "bonnevie", "n", "y", "3", *[""] * 20]
    run = platform(address, "finetune", "--output", str(tmp_path / "out"))
    out, _ = run.communicate("\n".join(typed) + "\n", timeout=LIMIT_S)

    assert run.returncode == 0, out
    assert "Epochs: How often the training lines are gone through, at most; `auto` goes by" in out
    assert "default auto; unit epochs" in out
    assert "epoch 3 of 3" in out


def test_a_refused_answer_is_told_in_words(address: str, tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(ANSWERS | {"base_model": "nothing_there"}), encoding="utf-8")

    run = platform(address, "finetune", "--answers", str(answers))
    out, _ = run.communicate(timeout=LIMIT_S)

    assert run.returncode == 1
    assert "the service has no folder of that name (nothing_there)" in out
    assert "Traceback" not in out


def test_ctrl_c_ends_the_run_and_keeps_its_best_model(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "stops_when_asked")
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(ANSWERS), encoding="utf-8")
    run = platform(address, "finetune", "--answers", str(answers), "--output", str(tmp_path / "out"))
    assert run.stdout is not None
    for line in run.stdout:
        if line.startswith("epoch 1"):
            break

    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=LIMIT_S)

    assert "ending the run" in out
    assert "cancelled" in out
    assert (tmp_path / "out" / "model.zip").is_file()
