"""Runs that share a machine's cards, as processes of their own, with the stand-in trainer and the stand-in driver."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from loghi_runner.engines import card_queue, nvml
from loghi_runner.engines.gpus import Card, Cards
from loghi_runner.runs import card_watch
from tests import fake_nvml
from tests.card_place import CardPlace
from tests.integration.conftest import ROOT


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CardPlace]:
    monkeypatch.setattr(nvml, "pynvml", nvml.pynvml)  # what is installed for the test goes with it
    for name in (fake_nvml.CARDS_VARIABLE, "LOGHI_FAKE_TRAINER", "LOGHI_RUNNER_TEST_TRAINER", "COLUMNS", "TERM"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setattr("loghi_runner.runs.run_trainer.LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(card_queue, "_ASK_EVERY_S", 0.05)
    made = CardPlace(tmp_path)
    yield made
    made.close()


def test_six_runs_on_two_cards_all_finish_in_order_and_share_none(place: CardPlace) -> None:
    place.hold()
    hosts, waiting = [], []
    for number in range(6):
        host, record = place.start_and_wait_for("running" if number < 2 else "queued")
        hosts.append(host)
        waiting.append(record["run_id"])
    places = {record["run_id"]: record["waiting"]["position"] for record in place.records() if record["waiting"]}
    assert [places[run_id] for run_id in waiting[2:]] == [1, 2, 3, 4]
    place.let_go()
    assert [place.ended(host) for host in hosts] == [0] * 6
    assert place.overtaken(waiting) < len(place.cards)
    assert place.shared_cards() == 0
    assert {record["state"] for record in place.records()} == {"finished"}
    assert place.leftovers() == []


def test_a_waiting_run_is_seen_and_ends_without_a_trace(place: CardPlace) -> None:
    place.hold()
    for _card in place.cards:
        place.start_and_wait_for("running")
    host, record = place.start_and_wait_for("queued")
    run_id = record["run_id"]
    table = place.place.run("runs").stdout
    assert f"{run_id}  queued 1" in table
    shown = place.place.run("show", run_id).stdout
    assert "queued: waiting for a graphics card, place 1 of 1: GPU 0 (H0) has run " in " ".join(shown.split())
    told = json.loads(place.place.run("show", run_id, "--json").stdout)
    assert (told["state"], told["waiting"]["position"], told["waiting"]["of"]) == ("queued", 1, 1)
    assert f"waiting, place 1: run {run_id}" in " ".join(place.place.run("gpus").stdout.split())
    os.kill(host, signal.SIGINT)
    assert place.ended(host) == 130
    said = [value for value in place.said(host) if value["kind"] == "queued"]
    assert (said[0]["position"], said[0]["of"]) == (1, 1)
    assert run_id not in {record["run_id"] for record in place.records()}
    assert not list((place.folder / "runs").glob(f"*{run_id}*"))
    assert not [name for name in place.leftovers() if run_id in name]


def test_stop_ends_a_waiting_run(place: CardPlace) -> None:
    place.hold()
    for _card in place.cards:
        place.start_and_wait_for("running")
    host, record = place.start_and_wait_for("queued")
    stopped = place.place.run("stop", record["run_id"])
    assert (stopped.returncode, stopped.stdout.splitlines()[0]) == (0, "stopped")
    assert place.ended(host) == 130
    assert len(place.records()) == 2


def test_with_a_closed_terminal_a_run_goes_on_waiting_and_trains(place: CardPlace) -> None:
    place.hold()
    for _card in place.cards:
        place.start_and_wait_for("running")
    host, record = place.start_and_wait_for("queued")
    os.kill(host, signal.SIGHUP)
    place.let_go()
    assert place.ended(host) == 0
    place.until(lambda: [use for use in place.uses() if (use.run_id, use.end_ns is None) == (record["run_id"], False)])
    place.until(lambda: not place.trainers() or None)
    shown = place.place.run("show", record["run_id"], "--json")
    assert json.loads(shown.stdout)["state"] == "finished"


def test_killed_hosts_and_trainers_free_cards_and_places_at_once(place: CardPlace) -> None:
    for card in place.cards:
        place.say(card, name=f"card of {card}")
    place.hold()
    first, one = place.start_and_wait_for("running")
    _second, other = place.start_and_wait_for("running")
    gone, dead = place.start_and_wait_for("queued")
    _third, third = place.start_and_wait_for("queued")
    place.kill(gone)  # a host that waits: its place goes to the next
    place.until(lambda: [record for record in place.records() if (record["waiting"] or {}).get("of") == 1])
    place.kill(first)  # a host that follows: its trainer goes on and keeps the card
    place.until(lambda: not psutil.pid_exists(first))
    assert [use.run_id for use in place.uses()] == [one["run_id"], other["run_id"]]
    trainer = int(one["handle"]["id"].partition(":")[0])
    place.kill(trainer)
    use = place.until(lambda: next((use for use in place.uses() if use.run_id == third["run_id"]), None))
    assert use.card == one["gpus"][0]
    [began] = [record for record in place.records() if record["run_id"] == third["run_id"]]
    assert [card["name"] for card in began["cards"]] == [f"card of {use.card}"]
    looked = json.loads(place.place.run("runs", "--json").stdout)["runs"]
    states = {record["run_id"]: (record["state"], (record["error"] or {}).get("code")) for record in looked}
    assert states[dead["run_id"]] == ("failed", "run.never_started")
    assert states[one["run_id"]][0] == "lost"
    place.let_go()


def test_a_run_that_does_not_wait_is_refused(place: CardPlace) -> None:
    place.hold()
    for _card in place.cards:
        place.start_and_wait_for("running")
    refused = place.place.run("finetune", "config.yaml", "--no-wait")
    assert refused.returncode == 4
    assert "all 2 cards are in use by others, and this run does not wait" in " ".join(refused.stderr.split())
    assert len(place.records()) == 2


def test_auto_or_cpu_goes_on_the_processor(place: CardPlace) -> None:
    place.hold()
    for _card in place.cards:
        place.start_and_wait_for("running")
    place.let_go()
    place.say("GPU-a", used=15 * fake_nvml.GIB)
    place.say("GPU-b", used=15 * fake_nvml.GIB)
    before = {record["run_id"] for record in place.records()}
    done = place.place.run("finetune", "config.yaml", "--set", "engine.gpus=auto-or-cpu")
    assert done.returncode == 0
    [record] = [record for record in place.records() if record["run_id"] not in before]
    assert (record["device"], record["gpus"]) == ("cpu", [])
    job = json.loads((place.folder / "runs" / record["run_id"] / "in" / "job.json").read_text())
    assert job["device"] == "cpu"


def test_auto_or_cpu_goes_on_the_processor_when_its_card_is_taken_at_the_last_moment(
    place: CardPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card("GPU-a", "H0", 16000, 15000, 0)
    answers = [Cards((card,), ""), Cards((card,), "")]  # for the plan, and before the run folder is made
    taken = Cards((replace(card, processes=1),), "")
    monkeypatch.setattr(nvml, "list_cards", lambda: answers.pop() if answers else taken)
    done = place.place.run("finetune", "config.yaml", "--set", "engine.gpus=auto-or-cpu")
    assert (done.returncode, answers) == (0, [])
    assert "this run goes on the processor" in " ".join(done.stderr.split())
    (record,) = place.records()
    assert (record["state"], record["device"], record["gpus"]) == ("finished", "cpu", [])


def test_a_run_on_the_processor_takes_no_lease(place: CardPlace) -> None:
    assert place.place.run("finetune", "config.yaml", "--set", "engine.gpus=none").returncode == 0
    assert not (place.folder / "cache" / "loghi-runner" / "leases").exists()


@pytest.mark.parametrize(
    ("gpus", "code", "words"),
    [
        ("3", "gpu.too_few", "the config asks for 3 graphics cards, this machine has 2"),
        ("[GPU-x]", "gpu.not_there", "the card GPU-x is not in this machine"),
    ],
)
def test_what_is_not_there_is_refused_at_once(place: CardPlace, gpus: str, code: str, words: str) -> None:
    refused = place.place.run("finetune", "config.yaml", "--json", "--set", f"engine.gpus={gpus}")
    error = json.loads(refused.stdout.splitlines()[-1])
    assert (refused.returncode, error["code"], error["message"]) == (4, code, words)


def test_a_driver_too_old_is_told_before_the_start(place: CardPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_nvml.FakeNvml, "nvmlSystemGetDriverVersion", lambda _self: "470.256.02")
    refused = place.place.run("finetune", "config.yaml")
    assert refused.returncode == 4
    assert "the NVIDIA driver 470.256.02 is older than the CUDA 12 of TensorFlow needs" in " ".join(
        refused.stderr.split()
    )
    assert place.records() == []


def test_two_cards_are_had_at_once_and_both_are_used(place: CardPlace) -> None:
    done = place.place.run("finetune", "config.yaml", "--set", "engine.gpus=2")
    assert done.returncode == 0
    assert sorted(use.card for use in place.uses()) == ["GPU-a", "GPU-b"]
    assert sorted(place.records()[0]["gpus"]) == ["GPU-a", "GPU-b"]


def test_a_trainer_that_leaves_one_of_two_cards_idle_is_ended(place: CardPlace) -> None:
    place.place.scenario = "waits_for_go"
    done = place.place.run("finetune", "config.yaml", "--set", "engine.gpus=2")
    (record,) = place.records()
    assert (done.returncode, record["error"]["code"]) == (4, "gpu.not_all_used")
    assert "was given 2 graphics cards, and the trainer computes on 1 of them" in record["error"]["message"]
    assert place.leftovers() == []


def test_a_card_that_falls_off_in_mid_run_is_named_in_the_drivers_words(place: CardPlace) -> None:
    place.hold()
    host, record = place.start_and_wait_for("running")
    place.say(record["gpus"][0], lost=True)
    (place.folder / "cards" / "fault").write_text("INTERNAL: CUDA_ERROR_LAUNCH_FAILED: unspecified launch failure")
    place.let_go()
    assert place.ended(host) == 4
    error = place.records()[0]["error"]
    assert (error["code"], error["exit_code"]) == ("gpu.lost", 4)
    assert error["message"] == (
        "the graphics card was lost while the run computed on it (card 0 does not answer (GPU is lost))"
    )


@pytest.mark.parametrize(("scenario", "exit_code"), [("hangs_once", 0), ("hangs_each_time", 4)])
def test_a_run_whose_card_hangs_goes_on_from_its_checkpoint_once(
    place: CardPlace, monkeypatch: pytest.MonkeyPatch, scenario: str, exit_code: int
) -> None:
    for name, seconds in (("_PATIENCE_S", 0.2), ("_PATIENCE_TIMES", 0), ("_ASK_EVERY_S", 0.1)):
        monkeypatch.setattr(card_watch, name, seconds)
    place.place.trainer, place.place.scenario = ROOT / "tests" / "resuming_trainer.py", scenario

    done = place.place.run("finetune", "config.yaml", "--set", "training.epochs=3")

    assert done.returncode == exit_code, done.stderr
    told = " ".join(done.stderr.split())
    assert told.count("it goes on from its last checkpoint, once") == 1
    assert "no training step has come for" in told
    (record,) = place.records()
    assert (record["state"], len(record["resumptions"])) == ("failed" if exit_code else "finished", 1)
    assert (record["error"] or {}).get("code") == ("gpu.hung" if exit_code else None)
