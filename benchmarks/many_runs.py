"""What an output folder with many runs costs: python -m benchmarks.many_runs [--runs 5000] [--rounds 3]

Most of them are finished; some failed, were stopped, lost, or never whole, one in a hundred is damaged, and ten run.
Told are seconds of processor and the largest memory of each command, each a new process; the folder is made anew.
"""

import argparse
import json
import os
import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.long_run import payloads
from benchmarks.measure import Cost, run_measured, told
from loghi_contract.event_lines import encode_event
from loghi_contract.events import Event
from loghi_contract.records import to_json
from loghi_runner.clock import utc_now
from loghi_runner.engines.base import Handle
from loghi_runner.engines.processes import machine_name, name_process
from loghi_runner.runs.folder import Host, RunFailure, RunFolder, RunRecord, RunState, new_run_id

_RUNNING = 10
_STEPS = 20 * 62  # 492 lines in batches of 8, as in docs/benchmarks.md
_SECONDS_BETWEEN = 3600
#: A process of an earlier start of the machine.
_GONE = "4321:1234567:00000000-0000-4000-8000-000000000000"
#: How many in a hundred.
_KINDS = {"finished": 85, "failed": 8, "cancelled": 3, "lost": 2, "damaged": 1, "half": 1}
_FILES = {
    "config.yaml": 600,
    "console.log": 4000,
    "in/job.json": 1500,
    "in/lists/train.txt": 40_000,
    "in/lists/val.txt": 10_000,
    "out/model/best_val/model.keras": 100_000,
    "out/model/best_val/tokenizer.json": 2000,
    "out/model/best_val/charlist.txt": 100,
    "out/model/best_val/config.json": 2000,
    "out/report/report.html": 60_000,
    "out/report/report.json": 20_000,
    "out/report/val_lines.tsv": 20_000,
    "out/report/split.tsv": 20_000,
}


def make_runs(output: Path, count: int) -> None:
    """So many run folders; their large files are links to the same few, as only their number matters."""
    chance = random.Random(1)
    files = output.parent / "files"
    for name, size in _FILES.items():
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_bytes(b"x" * size)
    skipped = ["split\twhere\timage\ttext\treason\tdetail"]
    skipped += [f"train\ttrain.txt:{number}\ta.png\t\tempty_text\t" for number in range(12)]
    (files / "out/report/skipped_lines.tsv").write_text("\n".join(skipped) + "\n", encoding="utf-8")
    events = [encode_event(Event(number, 1.7e9 + number, "r", told)) for number, told in enumerate(payloads(_STEPS))]
    (files / "out/events.jsonl").write_bytes(b"".join(events))
    (files / "out/half.jsonl").write_bytes(b"".join(events[: len(events) // 2]))
    for number in range(count):
        run_id = new_run_id(1.7e9 + _SECONDS_BETWEEN * number)
        if number >= count - _RUNNING:
            _make_run(output / run_id, files, _going_on(_record(run_id)), "half.jsonl")
            continue
        kind = chance.choices(list(_KINDS), list(_KINDS.values()))[0]
        name = f".{run_id}" if kind == "half" else run_id
        events_file = "events.jsonl" if kind == "finished" else "half.jsonl"
        folder = _make_run(output / name, files, _ended(_record(run_id), kind), events_file)
        if kind == "damaged":
            folder.record_file.write_bytes(folder.record_file.read_bytes()[:300])
        if kind == "half":
            folder.record_file.unlink()


def _record(run_id: str) -> RunRecord:
    return RunRecord(
        run_id, "bonnevie", RunState.FINISHED, utc_now(), {"loghi-runner": "0.1.0", "contract": "1", "python": "3"},
        "local", "cpu", (), "0" * 64, handle=Handle("local", _GONE), host=Host(machine_name(), _GONE),
        overrides=("engine.gpus=none",), ended=utc_now(), exit_code=0, epochs=20, status="completed", best_epoch=20,
        best_val_cer=0.11, base_val_cer=0.3, verdict="better. CER on 45 test lines: 36.0 % before, 9.6 % after",
        base_model_sha256="b" * 64, data_sha256=dict.fromkeys(("train", "val", "test", "base_domain"), "c" * 64),
        data_folders=("/data/lines",),
    )  # fmt: skip


def _ended(record: RunRecord, kind: str) -> RunRecord:
    if kind not in ("failed", "cancelled", "lost"):
        return record
    failure = RunFailure("run.lost" if kind == "lost" else "run.killed", "it ended; best_val of epoch 9 is kept", 4)
    return replace(record, state=RunState(kind), status=None, verdict=None, exit_code=4, error=failure, best_epoch=9)


def _going_on(record: RunRecord) -> RunRecord:
    # this process stands for the command that follows the run
    us = name_process(os.getpid())
    record = replace(record, state=RunState.RUNNING, handle=Handle("local", us), host=Host(machine_name(), us))
    return replace(record, ended=None, exit_code=None, status=None, best_epoch=None, best_val_cer=None, verdict=None)


def _make_run(path: Path, files: Path, record: RunRecord, events: str) -> RunFolder:
    folder = RunFolder(path)
    for name in (*_FILES, "out/report/skipped_lines.tsv"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).hardlink_to(files / name)
    folder.events_file.hardlink_to(files / "out" / events)
    # as `RunFolder.write`, but for 5,000 waits for the disk
    folder.record_file.write_text(json.dumps(to_json(record), indent=2) + "\n", encoding="utf-8")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_runs", description=__doc__)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loghi-runner-bench-") as place:
        output = Path(place) / "runs"
        make_runs(output, arguments.runs)

        def measured(*words: str) -> Cost:
            command = [sys.executable, "-m", "loghi_runner", *words]
            return run_measured(command, Path(place) / "log", cwd=Path(place), extra_environment={})

        for words in (["runs"], ["runs", "--json"], ["show", "last", "--output", "runs"], ["clean", "--yes"]):
            costs = [measured(*words) for _round in range(arguments.rounds)]
            seconds = told([each.cpu_s for each in costs], 2)
            print(f"{' '.join(words):<24} {seconds} CPU-s, {max(each.peak_mb for each in costs):.0f} MB", flush=True)


if __name__ == "__main__":
    main()
