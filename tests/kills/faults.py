"""What is not a kill and happens to a run all the same: its disk fails, its folder is removed, the clock is set."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from loghi_contract.exit_codes import ExitCode
from loghi_runner.engines.local import TEST_TRAINER_VARIABLE
from loghi_runner.runs.folder import RunFolder
from tests.kills import disks, set_clock
from tests.kills.place import Place
from tests.kills.promises import Undisturbed, break_of_end, break_of_model, break_of_resumed, end_of, read_events

#: Each with the errors that say truly why the run has no good end; none for one that comes to its end.
DISKS: dict[str, tuple[type[disks.Disk], set[str]]] = {
    "full": (disks.Full, {"storage.cannot_record", "storage.cannot_save", "storage.disk_full"}),
    "nearly full": (disks.NearlyFull, set()),
    "no inode": (disks.NoInode, {"storage.cannot_record", "storage.cannot_save", "storage.disk_full"}),
    "a file in the place": (disks.FileInPlace, set()),
    "over quota": (disks.OverQuota, {"storage.cannot_record", "storage.cannot_save", "storage.quota"}),
    "read-only": (disks.ReadOnly, {"storage.cannot_record", "storage.cannot_save", "storage.not_writable"}),
}
CLOCKS = {"back an hour": -3600.0, "ahead a day": 86400.0}

#: What happened to a run, what became of it, and which promises were broken.
Happened: TypeAlias = tuple[str, str, list[str]]

_LONGEST_S = 300.0


def happen(place: Place, undisturbed: Undisturbed) -> Iterator[Happened]:
    """Each fault, what became of the run, and which promises were broken."""
    for name in DISKS:
        try:
            yield f"disk: {name}", *fail_disk(place, name, undisturbed)
        except disks.NotHere as error:
            yield f"disk: {name}", f"not here: {error}", []
    for what in ("run folder", "out"):
        yield f"removed: {what}", *remove(place, what)
    for name, seconds in CLOCKS.items():
        yield f"clock: {name}", *set_the_clock(place, seconds, undisturbed)


def fail_disk(place: Place, fault: str, undisturbed: Undisturbed) -> tuple[str, list[str]]:
    """A run whose disk fails once it trains, and is mended when it is over: how it ended, and what was broken.

    Raises:
        NotHere: there is no such disk on this machine.
    """
    kind, causes = DISKS[fault]
    with disks.mounted(kind, place.folder / "disk") as disk:
        host = place.start("finetune", str(place.config), "--set", f"output={disk.output}")
        run = until_it_trains(disk.output, host)
        disk.fail(run)
        deadline = time.monotonic() + _LONGEST_S
        while host.poll() is None and time.monotonic() < deadline:
            disk.stay_failed()
            time.sleep(0.05)
        told_full = b'"code":"last.not_written"' in run.events_file.read_bytes()
        said = last_word(place)
        disk.mend(run)
        # whoever looks when the disk is mended writes down what nobody could
        shown = str(place.call("show", str(run.path), "--json").last_json().get("state"))
        record = run.read()
        _epoch, broken = break_of_model(run, record, undisturbed)
        broken = [what for what in broken if "half a line" not in what]
        broken += break_of_end(run, record, shown, shown)
        if not causes and not (told_full and shown == "finished"):
            broken.append(f"without room for a checkpoint alone: {shown}, told {told_full}")
        if shown != "finished" and said.get("code") not in causes:
            broken.append(f"it was told to have ended by {said.get('code')}: {said.get('message')}")
        if shown != "finished":
            broken += _resumed(place, run, undisturbed)
        return f"{record.state.value} {said.get('code') or ''}".strip(), broken


def remove(place: Place, what: str) -> tuple[str, list[str]]:
    """Somebody removes the run's folder, or the folder out in it, while it trains."""
    output = place.folder / "removed"
    host = place.start("finetune", str(place.config), "--set", f"output={output}")
    run = until_it_trains(output, host)
    gone = run.path if what == "run folder" else run.out
    while gone.exists():  # a trainer may make files in it meanwhile
        shutil.rmtree(gone, ignore_errors=True)
    broken = []
    try:
        host.wait(_LONGEST_S)
    except subprocess.TimeoutExpired:
        broken.append("finetune does not end")
        host.kill()
        host.wait()
    said = last_word(place)
    if (host.returncode, said.get("code")) != (ExitCode.ENGINE, "run.removed"):
        broken.append(f"it ended with {host.returncode} and {said.get('code')}: {said.get('message')}")
    if gone.exists():
        broken.append(f"it is made again: {sorted(path.name for path in gone.rglob('*'))}")
    broken += [f"a process is left: {process.pid}" for process in place.processes()]
    listed = place.call("runs", str(output), "--json")
    if listed.exit_code != ExitCode.OK:
        broken.append(f"runs: {listed.stderr[-300:]}")
    shutil.rmtree(output)
    return f"exit {host.returncode} {said.get('code')}", broken


def set_the_clock(place: Place, seconds: float, undisturbed: Undisturbed) -> tuple[str, list[str]]:
    """The wall clock of host and trainer is set while it trains; it comes to its end as if it were not.

    Only what these two programs are told: to set the machine's would be a fault of everything on it.
    """
    output, offset = place.folder / "set_clock", place.folder / "clock"
    offset.write_text("0")
    program = Path(set_clock.__file__)
    more = {set_clock.OFFSET_VARIABLE: str(offset), TEST_TRAINER_VARIABLE: str(program)}
    words = ("finetune", str(place.config), "--set", f"output={output}")
    host = place.start(*words, more=more, command=(sys.executable, str(program), "loghi_runner"))
    run = until_it_trains(output, host)
    offset.write_text(str(seconds))
    broken = []
    if host.wait(_LONGEST_S) != ExitCode.OK:
        broken.append(f"it ended with {host.returncode}: {last_word(place)}")
    shown = str(place.call("show", str(run.path), "--json").last_json().get("state"))
    record = run.read()
    _epoch, wrong = break_of_model(run, record, undisturbed)
    broken += [*wrong, *break_of_end(run, record, shown, shown)]
    if end_of(run) != undisturbed.end:
        broken.append("it came to another end than with a clock that nobody set")
    times = [event["t"] for event in read_events(run)[0]]
    if not any(abs(one - other) > abs(seconds) / 2 for one, other in pairwise(times)):
        broken.append("the clock was not set")
    shutil.rmtree(output)
    return record.state.value, broken


def _resumed(place: Place, run: RunFolder, undisturbed: Undisturbed) -> list[str]:
    answer = place.call("resume", str(run.path), "--json")
    if answer.exit_code != 0:
        return [f"it cannot be resumed: {answer.stdout[-500:]} {answer.stderr[-500:]}"]
    return break_of_resumed(run, undisturbed)


def until_it_trains(output: Path, host: "subprocess.Popen[bytes]") -> RunFolder:
    """The one run in an output folder, once it takes its first step."""
    deadline = time.monotonic() + _LONGEST_S
    while time.monotonic() < deadline and host.poll() is None:
        for path in output.glob("[!.]*"):
            run = RunFolder(path)
            if run.events_file.is_file() and any(event["kind"] == "step" for event in read_events(run)[0]):
                return run
        time.sleep(0.01)
    raise RuntimeError("the run does not train")


def last_word(place: Place) -> dict[str, object]:
    """The error with which a command that follows a run ended."""
    for line in reversed((place.folder / "host.log").read_text(encoding="utf-8").splitlines()):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            error = value.get("error")
            return error if isinstance(error, dict) else value
    return {}
