"""What looking at a long run costs: python -m benchmarks.long_run [--steps 1000000]

A finished run with that many steps, looked at by the commands; and one that still seems to run, followed for a while.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from loghi_contract.event_lines import encode_event
from loghi_contract.events import Checkpoint, Epoch, Event, Finished, FinishStatus, Payload, Phase, Step
from loghi_runner.clock import utc_now
from loghi_runner.engines.base import Handle
from loghi_runner.engines.processes import machine_name, name_process
from loghi_runner.runs.folder import Host, RunFolder, RunRecord, RunState

_EPOCHS = 20
_FOLLOWED_S = 30.0


def measure(steps: int, place: Path) -> None:
    folder = _make_run(place / "20261128-000000-aaaa", steps)
    print(f"events.jsonl: {folder.events_file.stat().st_size / 1e6:.0f} MB, {steps} steps")
    name = str(folder.path)
    for arguments in (["show", name], ["show", name, "--json"], ["runs", str(place)], ["logs", name], ["stop", name]):
        cpu_s, memory_mb = _cost(arguments)
        print(f"{' '.join(arguments).replace(name, 'RUN'):<24} {cpu_s:6.2f} CPU-s {memory_mb:6.0f} MB")
    record = folder.read()
    # this process stands for the command that follows the run
    host = Host(machine_name(), name_process(os.getpid()))
    folder.write(replace(record, state=RunState.RUNNING, status=None, handle=Handle("local", host.process), host=host))
    lines = folder.events_file.read_bytes().splitlines(keepends=True)
    folder.events_file.write_bytes(b"".join(lines[:-1]))
    del lines
    print(f"{'logs RUN -f, at rest':<24} {100 * _share_at_rest(['logs', name, '-f']):6.2f} % of a core")


def _make_run(path: Path, steps: int) -> RunFolder:
    folder = RunFolder(path)
    folder.out.mkdir(parents=True)
    record = RunRecord(
        path.name, "long", RunState.FINISHED, utc_now(), {"loghi-runner": "0"}, "local", "cpu", (), "0" * 64,
        ended=utc_now(), exit_code=0, epochs=_EPOCHS, status="completed", best_epoch=1, best_val_cer=0.1,
    )  # fmt: skip
    folder.write(record)
    with folder.events_file.open("wb") as file:
        for number, payload in enumerate(payloads(steps)):
            file.write(encode_event(Event(number, 1.7e9 + number, path.name, payload)))
    return folder


def payloads(steps: int) -> Iterator[Payload]:
    """What a run with so many steps tells."""
    each = steps // _EPOCHS
    yield Epoch(0, _EPOCHS, None, 0.3, 0.6, None, 60.0, True)
    yield Phase("training")
    for epoch in range(1, _EPOCHS + 1):
        yield from (Step(epoch, step, each, 12.345, 98.7) for step in range(1, each + 1))
        yield Checkpoint("best_val", epoch, "model/best_val/model.keras")
        yield Epoch(epoch, _EPOCHS, 3.2, 0.1, 0.3, 0.001, 3600.0, True)
    yield Finished(FinishStatus.COMPLETED, _EPOCHS, 0.1, "model/best_val")


def _cost(arguments: list[str]) -> tuple[float, float]:
    """Seconds of processor and the most memory in MB of one command."""
    child = subprocess.Popen(
        [sys.executable, "-m", "loghi_runner", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _pid, _status, used = os.wait4(child.pid, 0)
    child.returncode = 0
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _share_at_rest(arguments: list[str]) -> float:
    """The share of a core that a follower takes once it has told all there is."""
    child = subprocess.Popen(
        [sys.executable, "-m", "loghi_runner", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    used_s = _cpu_s(child.pid)
    while True:  # until it rests
        time.sleep(2)
        before_s, used_s = used_s, _cpu_s(child.pid)
        if used_s - before_s < 0.2:
            break
    began = time.monotonic()
    time.sleep(_FOLLOWED_S)
    share = (_cpu_s(child.pid) - used_s) / (time.monotonic() - began)
    child.send_signal(signal.SIGINT)
    child.wait()
    return share


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    place = Path(tempfile.mkdtemp(prefix="long-run-"))
    try:
        measure(parser.parse_args().steps, place)
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
