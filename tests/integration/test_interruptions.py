"""Ctrl+C, SIGTERM, a closed terminal, and a GPU that is not used."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import termios
from dataclasses import replace

import psutil
import pytest

from loghi_runner.engines.gpus import Card, Cards
from loghi_runner.errors import EngineError
from loghi_runner.finetuning.finetune import finetune
from tests.integration.conftest import COMMAND
from tests.unit.made_pages import write_pages


def _is_step(value: dict) -> bool:
    return value["kind"] == "step" and value["epoch"] == 2


def _records(process: subprocess.Popen[str]) -> list[dict]:
    """What is left on stdout; ends with the process."""
    assert process.stdout is not None
    values = [json.loads(line) for line in process.stdout]
    process.wait(30)
    return values


def test_ctrl_c_once_ends_cleanly_and_keeps_best_val(workplace, until) -> None:
    workplace.scenario = "stops_when_asked"
    host = workplace.start_finetune()
    until(host, _is_step)
    os.killpg(host.pid, signal.SIGINT)  # what a terminal does: the whole group
    values = _records(host)
    assert host.returncode == 130
    assert {"kind": "note", "message": "stopping after this step; Ctrl+C again ends at once"} in values
    # the trainer's session is its own: one key press is one signal
    assert "signals: [2]" in [value.get("message") for value in values]
    record = workplace.record()
    assert (record["state"], record["status"], record["best_epoch"]) == ("cancelled", "cancelled", 1)
    assert (workplace.run_dir / "out" / "model" / "best_val" / "model.keras").exists()


def test_ctrl_c_twice_ends_at_once(workplace, until) -> None:
    workplace.scenario = "never_stops"
    host = workplace.start_finetune()
    started = until(host, lambda value: value["kind"] == "started")
    until(host, lambda value: value["kind"] == "epoch")
    os.killpg(host.pid, signal.SIGINT)
    until(host, lambda value: value.get("code") == "fake.signals")
    os.killpg(host.pid, signal.SIGINT)
    last = _records(host)[-1]
    assert host.returncode == 130
    assert (last["state"], last["error"]["message"]) == (
        "cancelled",
        "stopped at once, as asked; best_val of epoch 0 is kept",
    )
    with pytest.raises(ProcessLookupError):
        os.kill(started["pid"], 0)


def test_sigterm_to_the_host_asks_the_trainer_and_exits_143(workplace, until) -> None:
    workplace.scenario = "stops_when_asked"
    host = workplace.start_finetune()
    until(host, _is_step)
    host.terminate()
    values = _records(host)
    assert host.returncode == 143
    assert values[-1]["state"] == "cancelled"
    assert values[-1]["best_epoch"] == 1


def test_a_trainer_that_got_sigterm_itself_ends_the_host_with_143(workplace, until) -> None:
    workplace.scenario = "stops_when_asked"
    host = workplace.start_finetune()
    started = until(host, lambda value: value["kind"] == "started")
    until(host, _is_step)
    os.kill(started["pid"], signal.SIGTERM)
    _records(host)
    assert host.returncode == 143


def test_a_closed_terminal_detaches_and_the_run_goes_on(workplace) -> None:
    workplace.scenario = "waits_for_go"
    keyboard, screen = pty.openpty()
    host = workplace.start(
        "finetune",
        "config.yaml",
        stdin=screen,
        stdout=screen,
        stderr=screen,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(screen)
    seen = b""
    while b"30.0 %" not in seen:
        seen += os.read(keyboard, 4096)
    os.close(keyboard)  # the window is closed
    assert host.wait(30) == 0

    shown = json.loads(workplace.run("show", "last", "--json").stdout)
    assert shown["state"] == "running"
    (workplace.run_dir / "out" / "go").touch()
    workplace.run("logs", "last", "-f")
    shown = json.loads(workplace.run("show", "last", "--json").stdout)
    assert (shown["state"], shown["best_epoch"], shown["exit_code"]) == ("finished", 1, 0)
    assert (workplace.run_dir / "out" / "report" / "report.html").is_file()


def test_a_host_that_was_killed_leaves_a_run_that_others_conclude(workplace, until) -> None:
    workplace.scenario = "never_stops"
    host = workplace.start_finetune()
    started = until(host, lambda value: value["kind"] == "started")
    until(host, lambda value: value["kind"] == "epoch")
    host.kill()
    host.wait(30)
    os.kill(started["pid"], signal.SIGKILL)
    listed = json.loads(workplace.run("runs", "--json").stdout)["runs"]
    while listed[0]["state"] == "running":  # the kernel takes its time to end a process
        listed = json.loads(workplace.run("runs", "--json").stdout)["runs"]
    assert listed[0]["state"] == "lost"
    assert "nobody saw it end" in listed[0]["error"]["message"]


def test_stop_ends_a_run_from_another_terminal(workplace, until) -> None:
    workplace.scenario = "stops_when_asked"
    host = workplace.start_finetune()
    until(host, _is_step)
    stopped = workplace.run("stop", "last")
    assert stopped.returncode == 0, stopped.stderr
    assert stopped.stdout.splitlines()[0] == "stopped"
    assert _records(host)[-1]["state"] == "cancelled"
    assert host.returncode == 130


def test_stop_ends_a_stubborn_run_on_a_full_disk_too(workplace, until) -> None:
    workplace.scenario = "never_stops"
    host = workplace.start_finetune()
    until(host, lambda value: value["kind"] == "epoch")
    # nothing can be written there
    (workplace.run_dir / "killed").symlink_to(workplace.folder / "nowhere" / "killed")
    assert workplace.run("stop", "last", "--grace", "0").returncode == 0
    host.communicate(timeout=30)
    assert workplace.record()["state"] == "cancelled"


def test_stop_ends_a_stubborn_run_after_the_grace(workplace, until) -> None:
    workplace.scenario = "never_stops"
    host = workplace.start_finetune()
    until(host, lambda value: value["kind"] == "epoch")
    workplace.run("stop", "last", "--grace", "0")
    last = _records(host)[-1]
    assert (last["state"], last["error"]["code"]) == ("cancelled", "run.killed")


@pytest.mark.parametrize("by", ["Ctrl+C", "stop"])
def test_who_stops_a_run_before_its_trainer_listens_has_cancelled_it(workplace, until, by: str) -> None:
    workplace.trainer = workplace.folder / "deaf.py"
    workplace.trainer.write_text("import time\ntime.sleep(60)\n", encoding="utf-8")
    host = workplace.start_finetune()
    until(host, lambda value: value["kind"] == "run")
    if by == "stop":
        assert workplace.run("stop", "last").stdout.splitlines()[0] == "stopped"
    else:
        host.send_signal(signal.SIGINT)
    last = _records(host)[-1]
    assert (last["state"], last["error"]["code"], last["kept"]) == ("cancelled", "run.killed", False)
    assert host.returncode == 130


def test_a_reader_that_goes_away_does_not_end_the_run(workplace, until) -> None:
    workplace.scenario = "waits_for_go"
    host = workplace.start_finetune()
    until(host, lambda value: value["kind"] == "epoch")
    host.stdout.close()
    (workplace.run_dir / "out" / "go").touch()
    assert host.wait(30) == 0
    workplace.run("logs", "last", "-f")
    assert json.loads(workplace.run("show", "last", "--json").stdout)["state"] == "finished"


def test_ctrl_c_that_ends_the_reader_too_still_stops_the_run(workplace) -> None:
    """`loghi-runner finetune config.yaml 2>&1 | tee log`, then Ctrl+C: it reaches tee as well."""
    workplace.scenario = "stops_when_asked"
    host = workplace.start("finetune", "config.yaml", stderr=subprocess.STDOUT)
    while not host.stdout.readline().startswith("epoch 1 "):
        pass
    host.stdout.close()
    os.killpg(host.pid, signal.SIGINT)
    assert host.wait(30) == 130
    assert workplace.record()["state"] == "cancelled"


class Watcher:
    """A view that keeps what it is told."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.notes: list[str] = []

    def progress(self, doing, done, total) -> None:
        pass

    def plan(self, plan, setting) -> None:
        self.setting = setting

    def begin(self, folder, progress) -> None:
        pass

    def event(self, line, event) -> None:
        self.kinds.append(event.payload.kind)

    def queued(self, waiting) -> None:
        self.kinds.append("queued")

    def note(self, sentence) -> None:
        self.notes.append(sentence)

    def end(self) -> None:
        pass

    def abandon(self) -> None:
        pass


@pytest.mark.parametrize("gpus", ["auto", "1", "[GPU-1234]"])
def test_a_gpu_that_is_not_used_is_never_a_silent_cpu_run(workplace, monkeypatch, gpus: str) -> None:
    card = Card("GPU-1234", "Fake H0", 16000, 15000, 0)
    monkeypatch.setattr("loghi_runner.engines.nvml.list_cards", lambda: Cards((card,), ""))
    workplace.scenario = "on_the_cpu_instead"
    for name, value in workplace.own_environment.items():
        monkeypatch.setenv(name, value)
    view = Watcher()
    _folder, record = finetune(workplace.config, [f"engine.gpus={gpus}"], view)
    assert view.setting.device.uuids == ("GPU-1234",)
    assert (record.exit_code, record.error.code, record.gpus) == (4, "gpu.not_used", ("GPU-1234",))
    assert "trainer uses Fake cpu (CPU)" in record.error.message


def test_the_card_is_chosen_again_just_before_the_start(workplace, monkeypatch) -> None:
    """Two runs at once: the other one started while this one cut its pages."""
    free, other = Card("GPU-1234", "Fake H0", 16000, 15000, 0), Card("GPU-5678", "Fake H0", 16000, 12000, 0)
    answers = [Cards((free, other), "")]
    taken = Cards((replace(free, processes=1), other), "")
    monkeypatch.setattr("loghi_runner.engines.nvml.list_cards", lambda: answers.pop() if answers else taken)
    for name, value in workplace.own_environment.items():
        monkeypatch.setenv(name, value)
    view = Watcher()
    _folder, record = finetune(workplace.config, ["engine.gpus=auto"], view)
    assert view.setting.device.uuids == ("GPU-1234",)
    assert record.gpus == ("GPU-5678",)
    (note,) = [note for note in view.notes if "meanwhile" in note]
    assert "GPU-5678" in note


def test_a_card_that_is_gone_meanwhile_is_no_silent_cpu_run(workplace, monkeypatch) -> None:
    card = Card("GPU-1234", "Fake H0", 16000, 15000, 0)
    answers = [Cards((card,), "")]
    gone = Cards((), "card 0 does not answer (GPU is lost)")
    monkeypatch.setattr("loghi_runner.engines.nvml.list_cards", lambda: answers.pop() if answers else gone)
    for name, value in workplace.own_environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EngineError) as caught:
        finetune(workplace.config, ["engine.gpus=auto"], Watcher())
    assert (caught.value.code, caught.value.exit_code) == ("gpu.lost", 4)
    assert "GPU is lost" in caught.value.message
    assert not list((workplace.folder / "runs").glob("*/run.json"))


def test_sigterm_to_a_reading_command_leaves_nothing_and_exits_143(workplace) -> None:
    write_pages(workplace.folder / "pages", 1)
    # a page image that is a pipe: the command waits there, its folder made, until it is ended
    image = next(workplace.folder.joinpath("pages").glob("*.png"))
    image.unlink()
    os.mkfifo(image)
    host = workplace.start("recognize", "base", "pages", "-o", "read", "--engine", "local", "--gpus", "none")
    with image.open("wb"):
        host.terminate()
        assert host.wait(30) == 143
    assert not (workplace.folder / "read").exists()


def test_a_reading_ends_with_its_terminal(workplace) -> None:
    val = workplace.folder / "data/val/page_0"
    (val / "line_0.png").rename(val / "endless.png")
    host = workplace.start("recognize", "base", "data/val", "-o", "read", "--engine", "local", "--gpus", "none")
    assert any("reading lines" in line for line in iter(host.stderr.readline, ""))
    (trainer,) = psutil.Process(host.pid).children()
    host.send_signal(signal.SIGHUP)
    assert host.wait(30) == 143
    psutil.wait_procs([trainer], timeout=30)
    assert not trainer.is_running()
    assert not (workplace.folder / "read").exists()


@pytest.mark.parametrize("answer", [("version",), ("version", "--json"), ("runs", "nowhere", "--json")])
def test_an_answer_that_has_nowhere_to_go_is_no_fault(workplace, answer) -> None:
    environment = {**os.environ, **workplace.own_environment}
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, *answer]
    ended = subprocess.run(closed, cwd=workplace.folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 2)
    assert "Traceback" not in ended.stderr
