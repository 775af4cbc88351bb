"""A trainer that was started is found again, whoever died meanwhile and whatever was written down."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from loghi_runner.engines.base import Handle
from loghi_runner.engines.processes import name_process
from loghi_runner.runs.folder import Host, RunFailure, RunFolder, RunRecord, RunState
from tests.integration.conftest import Workplace

#: The command, which dies when it writes run.json for the second time: its trainer is started, and not written down.
DIES = """
import os, loghi_runner.runs.folder as rundir
from loghi_runner.cli.main import run
write, written = rundir.RunFolder.write, []
def dies(folder, record):
    written.append(record)
    if len(written) == 2:
        os.kill(os.getpid(), 9)
    write(folder, record)
rundir.RunFolder.write = dies
run(["finetune", "config.yaml"])
"""


def killed_before_it_wrote_down_the_trainer(workplace: Workplace) -> RunFolder:
    environment = {**os.environ, **workplace.own_environment}
    ended = subprocess.run([sys.executable, "-c", DIES], cwd=workplace.folder, env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    folder = RunFolder(workplace.run_dir)
    assert folder.read().handle is None
    while b'"step"' not in (folder.events_file.read_bytes() if folder.events_file.exists() else b""):
        pass  # until it minds signals
    return folder


def show(workplace: Workplace) -> dict:
    value: dict = json.loads(workplace.run("show", "last", "--json").stdout)
    return value


def detached(workplace: Workplace, until) -> RunFolder:
    """A run whose trainer waits, and whose terminal was closed."""
    host = workplace.start_finetune()
    until(host, lambda value: value["kind"] == "epoch")
    host.send_signal(signal.SIGHUP)
    host.communicate()
    return RunFolder(workplace.run_dir)


def test_a_trainer_that_was_not_written_down_is_shown_and_stopped(workplace) -> None:
    workplace.scenario = "stops_when_asked"
    folder = killed_before_it_wrote_down_the_trainer(workplace)
    assert show(workplace)["state"] == "running"
    trainer = psutil.Process(int(folder.read().handle.id.partition(":")[0]))
    assert trainer.cwd() == str(folder.path)
    stopped = workplace.run("stop", "last")
    assert (stopped.returncode, stopped.stdout.splitlines()[0]) == (0, "stopped"), stopped.stderr
    assert not trainer.is_running() or trainer.status() == psutil.STATUS_ZOMBIE


def test_a_run_that_never_had_a_trainer_is_called_so(workplace) -> None:
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    record = replace(folder.read(), state=RunState.PREPARED, handle=None, host=Host(socket.gethostname(), "1:1:gone"))
    folder.write(replace(record, ended=None, exit_code=None))
    folder.events_file.unlink()
    assert show(workplace)["error"]["code"] == "run.never_started"
    assert workplace.run("stop", "last").returncode == 2


def test_never_started_is_not_said_of_a_run_whose_trainer_spoke(workplace) -> None:
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    record = folder.read()
    folder.write(replace(record, state=RunState.PREPARED, handle=None, host=Host(socket.gethostname(), "1:1:gone")))
    assert show(workplace)["state"] == "finished"


@pytest.mark.parametrize("said", ["lost", "never started"])
def test_a_run_that_was_given_up_and_goes_on_is_shown_and_stopped(workplace, until, said: str) -> None:
    workplace.scenario = "stops_when_asked"
    folder = detached(workplace, until)
    given_up = workplace.run("show", "last", "--json")
    assert json.loads(given_up.stdout)["state"] == "running"
    record = folder.read()
    lost = _failed(record, "run.lost", RunState.LOST)
    folder.write(
        lost if said == "lost" else replace(_failed(record, "run.never_started", RunState.FAILED), handle=None)
    )
    assert show(workplace)["state"] == "running"
    stopped = workplace.run("stop", "last")
    assert (stopped.returncode, stopped.stdout.splitlines()[0]) == (0, "stopped"), stopped.stderr


def test_a_lost_run_that_came_to_its_end_is_told_with_it(workplace) -> None:
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    finished = folder.read()
    folder.write(
        replace(_failed(finished, "run.lost", RunState.LOST), best_epoch=0, best_val_cer=0.3, status=None, host=None)
    )
    folder.report_file.unlink()
    shown = show(workplace)
    assert (shown["state"], shown["best_epoch"], shown["error"]) == ("finished", finished.best_epoch, None)
    assert folder.report_file.is_file()


def test_a_lost_run_without_a_last_word_stays_lost(workplace) -> None:
    workplace.scenario = "silent_end"
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    folder.write(replace(_failed(folder.read(), "run.lost", RunState.LOST), host=None))
    before = folder.record_file.read_bytes()
    assert show(workplace)["state"] == "lost"
    assert folder.record_file.read_bytes() == before


def test_a_run_that_an_earlier_version_started_is_found_by_its_folder(workplace, until) -> None:
    """It named the trainer by the wall clock, which was set since."""
    workplace.scenario = "stops_when_asked"
    folder = detached(workplace, until)
    record = folder.read()
    pid = record.handle.id.partition(":")[0]
    folder.write(replace(record, handle=Handle("local", f"{pid}:1000.00"), host=Host(socket.gethostname(), "1:1.00")))
    assert show(workplace)["state"] == "running"
    assert workplace.run("stop", "last").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may show a process another boot time")
def test_a_clock_that_was_set_makes_no_run_lost(workplace, until, tmp_path: Path) -> None:
    workplace.scenario = "stops_when_asked"
    folder = detached(workplace, until)
    (tmp_path / "show.sh").write_text(
        'b=$(sed -n "s/^btime //p" /proc/stat); sed "s/^btime .*/btime $((b+15))/" /proc/stat > stat.made\n'
        "mount --bind stat.made /proc/stat || exit 77\n"
        f"exec {sys.executable} -m loghi_runner show {folder.path} --json\n"
    )
    environment = {**os.environ, **workplace.own_environment}
    shown = subprocess.run(
        ["unshare", "-m", "sh", "show.sh"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    workplace.run("stop", "last")
    if shown.returncode == 77:
        pytest.skip("nothing can be mounted here")
    assert json.loads(shown.stdout)["state"] == "running"


def elsewhere(folder: RunFolder, process: str = "1:1:another-boot") -> None:
    record = replace(folder.read(), state=RunState.RUNNING, host=Host("another-name", process), status=None)
    folder.write(replace(record, handle=Handle("local", "1:1:another-boot"), ended=None, exit_code=None))
    lines = folder.events_file.read_bytes().splitlines(keepends=True)
    folder.events_file.write_bytes(b"".join(lines[:-1]))  # without its last word


def test_a_machine_with_another_name_is_named_until_nothing_is_heard_any_more(workplace) -> None:
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    elsewhere(folder)
    shown = show(workplace)
    assert (shown["state"], shown["remark"]) == (
        "running",
        "started on another-name: look there whether it still runs; where that machine is gone, "
        "`loghi-runner resume RUN` lets it go on here",
    )
    assert workplace.run("stop", "last").returncode == 4
    os.utime(folder.events_file, (1e9, 1e9))
    before = folder.record_file.read_bytes()
    shown = show(workplace)
    assert (shown["state"], shown["error"]["code"]) == ("lost", "run.lost")
    assert folder.record_file.read_bytes() == before, "its own machine may know better"
    assert "over already: lost" in workplace.run("stop", "last").stderr


def test_a_trainer_that_gave_signs_of_life_is_lost_after_minutes(workplace) -> None:
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    elsewhere(folder)
    os.utime(folder.events_file, (1e9, 1e9))
    folder.beat_file.touch()
    assert show(workplace)["state"] == "running"
    os.utime(folder.beat_file, (time.time() - 400,) * 2)
    assert show(workplace)["error"]["code"] == "run.lost"


def test_a_machine_that_was_renamed_knows_its_own_run(workplace, until) -> None:
    workplace.scenario = "stops_when_asked"
    folder = detached(workplace, until)
    record = folder.read()
    folder.write(replace(record, host=Host("the-name-before", record.host.process)))
    assert show(workplace)["remark"] is None
    assert workplace.run("stop", "last").returncode == 0


def test_a_process_that_is_not_the_runs_trainer_is_never_touched(workplace) -> None:
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as bystander:
        record = replace(folder.read(), state=RunState.RUNNING, host=None, ended=None, exit_code=None)
        folder.write(replace(record, handle=Handle("local", name_process(bystander.pid))))
        before = folder.record_file.read_bytes()
        stopped = workplace.run("stop", "last", "--grace", "0")
        assert stopped.returncode == 4
        assert "is not this run's trainer" in stopped.stderr
        assert "is not this run's trainer" in show(workplace)["remark"]
        assert bystander.poll() is None
        assert folder.record_file.read_bytes() == before
        bystander.kill()


def _failed(record: RunRecord, code: str, state: RunState) -> RunRecord:
    return record.with_failure(RunFailure(code, "it was given up", 4), state)
