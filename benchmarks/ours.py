"""The runner's half: one fine-tuning, or one reading, on engine `local`."""

import json
import sys
from pathlib import Path

from benchmarks.measure import LinesRead, Trained, parse_results, run_measured
from loghi_contract import CONTRACT
from loghi_contract.events import DataSummary, Epoch, decode_event
from loghi_contract.job import Action, DeviceKind, RecognizeJob, dump_job
from loghi_contract.places import RESULTS_FILE


def fine_tune(work: Path, base_model: Path, lists: dict[str, Path], *, training: dict[str, object]) -> Trained:
    """Fine-tune with the runner into `work`, with train and val alone: as Loghi HTR, it tests nothing meanwhile."""
    work.mkdir()
    config = {
        "name": "benchmark",
        "base_model": str(base_model),
        "data": {"train": str(lists["train"]), "validation": str(lists["val"])},
        "output": str(work / "runs"),
        "training": training,
        "engine": {"kind": "local", "gpus": "none"},
    }
    # JSON is YAML
    (work / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    program = Path(sys.executable).with_name("loghi-runner")
    command = [str(program), "finetune", str(work / "config.yaml"), "--json"]
    cost = run_measured(command, work / "ours.log", cwd=work, extra_environment={})
    out = max((work / "runs").glob("*/out"), key=lambda path: path.stat().st_mtime)
    events = filter(None, map(decode_event, (out / "events.jsonl").read_bytes().splitlines()))
    payloads = [event.payload for event in events]
    epochs = sum(isinstance(payload, Epoch) and payload.epoch > 0 for payload in payloads)
    lines = next(each.lines for each in payloads if isinstance(each, DataSummary) and each.split == "train")
    return Trained(cost, lines * epochs, out / "model" / "best_val")


def read_lines(work: Path, base_model: Path, folder: Path, images: list[str], batch_size: int) -> LinesRead:
    """Read images below `folder` with the trainer alone, as engine `local` starts it."""
    (work / "in" / "data").mkdir(parents=True)
    (work / "in" / "job" / "lists").mkdir(parents=True)
    (work / "out").mkdir()
    (work / "in" / "base_model").symlink_to(base_model)
    (work / "in" / "data" / "0").symlink_to(folder)
    named = {f"/in/data/0/{Path(image).relative_to(folder)}": image for image in images}
    lines = "".join(f"{image}\t1\t?\n" for image in named)
    (work / "in" / "job" / "lists" / "lines.txt").write_text(lines, encoding="utf-8")
    job = RecognizeJob(
        CONTRACT, "benchmark", Action.RECOGNIZE, "/in/job/lists/lines.txt", DeviceKind.CPU, batch_size, beam_width=1
    )
    (work / "in" / "job" / "job.json").write_text(dump_job(job), encoding="utf-8")
    command = [sys.executable, "-m", "loghi_trainer"]
    cost = run_measured(command, work / "ours.log", cwd=work, extra_environment={"LOGHI_ROOT": str(work)})
    texts, confidences = parse_results(work / "out" / RESULTS_FILE)
    return LinesRead(
        cost,
        texts={named[image]: text for image, text in texts.items()},
        confidences={named[image]: confidence for image, confidence in confidences.items()},
    )
