"""`loghi-runner gpus`: what is told of cards, of who uses them, and of who waits."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.cli.main import run
from loghi_runner.engines import nvml
from loghi_runner.engines.base import Launch
from loghi_runner.engines.card_queue import CardQueue
from loghi_runner.engines.card_use import tmpfiles_text
from loghi_runner.engines.processes import program_of
from tests.fake_nvml import GIB, FakeNvml

DOCS = Path(__file__).parents[3] / "docs"
UUIDS = ("GPU-a", "GPU-b")


@pytest.fixture(autouse=True)
def _no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "SLURM_JOB_GPUS"):
        monkeypatch.delenv(name, raising=False)


def use_cards(monkeypatch: pytest.MonkeyPatch, *cards: Any) -> None:
    monkeypatch.setattr(nvml, "pynvml", FakeNvml(*cards))


def queue(run_id: str) -> CardQueue:
    return CardQueue(Launch(run_id, Path("/runs") / run_id, "", DeviceKind.GPU, (), (), candidates=UUIDS, count=1))


def test_cards_tell_who_has_them_who_computes_and_who_waits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = [SimpleNamespace(pid=os.getpid())]
    use_cards(monkeypatch, {"uuid": "GPU-a", "utilisation": 87}, {"uuid": "GPU-b", "processes": ours, "used": 4 * GIB})
    lease, waits = queue("run-one").look(), queue("run-two")
    assert lease is not None
    assert waits.look() is None
    assert run(["gpus"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "GPU 0 H0 uuid GPU-a memory 16.0 of 16.0 GB free, 87 % busy run run-one of " in told
    assert f"GPU 1 H0 uuid GPU-b memory 12.0 of 16.0 GB free programs {program_of(os.getpid()).sentence()}" in told
    assert "state 1 program computes on it" in told
    assert "waiting, place 1: run run-two of " in told
    assert run(["gpus", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [card["run"] and card["run"]["run_id"] for card in answer["cards"]] == ["run-one", None]
    assert answer["cards"][1]["programs"][0]["pid"] == os.getpid()
    assert [ticket["run_id"] for ticket in answer["waiting"]] == ["run-two"]
    waits.leave()
    lease.end()


def test_cards_of_others_and_lost_ones_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_cards(monkeypatch, {"uuid": "GPU-a"}, {"uuid": "GPU-b"}, pynvml.NVML_ERROR_GPU_IS_LOST)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert run(["gpus"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "uuid GPU-b memory 16.0 of 16.0 GB free state left to others" in told
    assert "CUDA_VISIBLE_DEVICES=0 is set" in told
    assert "card 2 does not answer (GPU is lost): show it to the administrator" in told


def test_a_machine_without_cards_is_told_so_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_cards(monkeypatch)
    assert run(["gpus"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert told == (
        "no graphics card: the NVIDIA driver sees no graphics card. Runs go on the processor, and wait for nothing."
    )
    assert run(["gpus", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cards"] == []


def test_a_ticket_cannot_write_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_cards(monkeypatch, {"uuid": "GPU-a"}, {"uuid": "GPU-b"})
    lease = queue("\x1b[2Jrun").look()
    assert lease is not None
    run(["gpus"])
    assert "\x1b" not in capsys.readouterr().out
    lease.end()


def test_the_file_in_the_docs_is_what_the_command_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uuid = f"GPU-{'-'.join('0' * digits for digits in (8, 4, 4, 4, 12))}"
    shown = (DOCS / "loghi-runner.tmpfiles.conf").read_text().splitlines()
    assert [line for line in shown if not line.startswith("#")] == list(tmpfiles_text([uuid]))
    use_cards(monkeypatch, {"uuid": uuid})
    assert run(["gpus", "--tmpfiles"]) == 0
    assert capsys.readouterr().out.splitlines() == list(tmpfiles_text([uuid]))
