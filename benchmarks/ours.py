"""The runner's half: one fine-tuning, or one reading, on engine `local`."""

import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from benchmarks.measure import Cost, LinesRead, Trained, parse_results, run_measured
from loghi_contract import CONTRACT
from loghi_contract.job import Action, DeviceKind, RecognizeJob, dump_job
from loghi_contract.places import RESULTS_FILE
from loghi_runner.runs.folder import RunFolder, RunState
from loghi_runner.runs.progress import Progress, read_events


def fine_tune(work: Path, base_model: Path, lists: dict[str, Path], *, training: dict[str, object]) -> Trained:
    """Fine-tune with the runner into `work`, with train and val alone: as Loghi HTR, it tests nothing meanwhile."""
    data = {"train": str(lists["train"]), "validation": str(lists["val"])}
    cost, progress, best_val = finetune(work, base_model, {"data": data, "training": training})
    assert cost is not None
    return Trained(cost, progress.data["train"].lines * progress.epochs[-1].epoch, best_val)


def finetune(work: Path, base_model: Path, config: Mapping[str, object]) -> tuple[Cost | None, Progress, Path]:
    """One whole run on the processor, and its best_val. One that was interrupted goes on, and nobody knows its cost."""
    whole = {"name": "benchmark", "base_model": str(base_model), "output": str(work / "runs")} | dict(config)
    whole["engine"] = {"kind": "local", "gpus": "none"}
    work.mkdir(parents=True, exist_ok=True)
    # JSON is YAML
    (work / "config.yaml").write_text(json.dumps(whole), encoding="utf-8")
    begun = [RunFolder(record.parent) for record in work.glob("runs/*/run.json")]
    program = str(Path(sys.executable).with_name("loghi-runner"))
    run = partial(run_measured, log=work / "ours.log", cwd=work, extra_environment={})
    cost = None
    if not begun:
        cost = run([program, "finetune", str(work / "config.yaml"), "--json"])
    elif begun[0].read().state is not RunState.FINISHED:
        run([program, "resume", str(begun[0].path), "--json"])
    [folder] = [RunFolder(record.parent) for record in work.glob("runs/*/run.json")]
    return cost, Progress.of(read_events(folder.events_file)), folder.best_val


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
