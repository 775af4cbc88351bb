"""`loghi-runner check`: all that can be known before a run, for people and for programs."""

import json
import signal
from pathlib import Path

import psutil

from tests.integration.conftest import CHARACTERS
from tests.unit.made_pages import MadeLine, write_page, write_pages


def test_a_sound_run_is_ready_and_nothing_is_written(workplace) -> None:
    before = sorted(path.name for path in workplace.folder.rglob("*"))
    result = workplace.run("check", "config.yaml")
    assert result.returncode == 0, result.stderr
    assert "ready" in result.stdout.splitlines()[-2]
    assert result.stdout.splitlines()[-1] == "  next  loghi-runner finetune config.yaml"
    assert "not known on this machine; `loghi-runner check --probe` measures it" in result.stdout
    assert sorted(path.name for path in workplace.folder.rglob("*")) == before


def test_the_run_it_proposes_is_the_one_it_checked(workplace) -> None:
    result = workplace.run("check", "config.yaml", "--set", "training.epochs=3", "--set", "output=my runs")
    proposed = "loghi-runner finetune config.yaml --set training.epochs=3 --set 'output=my runs'"
    assert result.stdout.splitlines()[-1] == f"  next  {proposed}", result.stderr


def test_problems_come_last_and_give_the_exit_code(workplace) -> None:
    text = workplace.config.read_text()
    workplace.config.write_text(text.replace("base_model: base", "base_model: nowhere"))
    result = workplace.run("check", "config.yaml")
    assert result.returncode == 3
    assert result.stdout.splitlines()[-1] == "not ready: 1 problem to solve first"


def test_as_json_it_says_the_same(workplace) -> None:
    result = workplace.run("check", "config.yaml", "--json")
    answer = json.loads(result.stdout.splitlines()[-1])
    assert (answer["kind"], answer["ready"], answer["estimate"]) == ("check", True, None)
    assert answer["splits"]["train"]["lines"] > 0
    assert {"severity", "code", "message", "where", "hint"} <= answer["findings"][0].keys()


def test_strict_refuses_warnings(workplace) -> None:
    write_pages(workplace.folder / "pages", 8)
    workplace.config.write_text("base_model: base\ndata: {pages: pages}\noutput: runs\nengine: {kind: local}\n")
    assert workplace.run("check", "config.yaml").returncode == 0
    assert workplace.run("check", "config.yaml", "--strict").returncode == 3


def test_pages_and_new_characters_are_told(workplace) -> None:
    write_pages(workplace.folder / "pages", 8)
    assert "ð" not in CHARACTERS
    write_page(workplace.folder / "pages", "new", [MadeLine(f"l{n}", "ðe ſame", 60 + 60 * n) for n in range(4)])
    workplace.config.write_text(
        "base_model: base\ndata: {pages: pages, split: {seed: 3}}\noutput: runs\nengine: {kind: local}\n"
    )
    result = workplace.run("check", "config.yaml", "--html", "look.html")
    assert "lines on" in result.stdout
    assert "ð  U+00F0 LATIN SMALL LETTER ETH, 4x: learnt anew" in result.stdout
    html = (workplace.folder / "look.html").read_text(encoding="utf-8")
    assert "<mark>" in html
    assert not (workplace.folder / "runs").exists()


def test_a_probe_measures_and_the_next_check_knows(workplace) -> None:
    result = workplace.run("check", "config.yaml", "--probe")
    assert result.returncode == 0, result.stderr
    assert "measuring a few training steps" in result.stderr
    assert "at most (measured" in result.stdout.replace("\n", " ") or "(measured on this machine" in result.stdout
    assert [path.name for path in (workplace.folder / "runs").iterdir()] == []
    again = workplace.run("check", "config.yaml")
    assert "(measured on this machine" in again.stdout


def test_a_probe_ends_with_its_terminal(workplace) -> None:
    workplace.scenario = "never_stops"
    host = workplace.start("check", "config.yaml", "--probe")
    events: list[Path] = []
    while not events or b"\n" not in events[0].read_bytes():
        assert host.poll() is None
        events = list((workplace.folder / "runs").glob(".probe-*/*/out/events.jsonl"))
    trainer = json.loads(events[0].read_bytes().splitlines()[0])["pid"]
    host.send_signal(signal.SIGHUP)
    assert host.wait(30) == 143
    assert not psutil.pid_exists(trainer)
    assert list((workplace.folder / "runs").iterdir()) == []


def test_a_probe_that_is_stopped_is_no_failure(workplace) -> None:
    workplace.scenario = "stops_when_asked"
    host = workplace.start("check", "config.yaml", "--probe")
    while not list((workplace.folder / "runs").glob(".probe-*/*/out/events.jsonl")):
        assert host.poll() is None
    host.send_signal(signal.SIGINT)
    assert host.wait(30) == 130
    assert list((workplace.folder / "runs").iterdir()) == []


def test_a_probe_that_fails_says_why(workplace) -> None:
    workplace.scenario = "failed"
    result = workplace.run("check", "config.yaml", "--probe")
    assert result.returncode == 4
    assert "a few training steps were tried and failed" in result.stderr
    assert [path.name for path in (workplace.folder / "runs").iterdir()] == []
