"""The runner's half: one fine-tuning on engine `local`, measured from its own events."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Cost, LinesRead, parse_results, run_measured
from loghi_contract import CONTRACT
from loghi_contract.events import Event, decode_event
from loghi_contract.job import Action, DeviceKind, RecognizeJob, dump_job
from loghi_contract.places import RESULTS_FILE

#: What the cost of evaluation is given for.
_EVALUATED_LINES = 1000
_EPOCHS = 10


@dataclass(frozen=True)
class Result:
    """`training_s` spans the epochs with their validation; cer and wer are fractions on the test lines."""

    cost: Cost
    training_s: float
    trained_lines: int
    cer_before: float
    cer_after: float
    base_domain_before: float | None
    base_domain_after: float | None
    evaluation_share: float

    @property
    def lines_per_second(self) -> float:
        return self.trained_lines / self.training_s


def fine_tune(work: Path, base_model: Path, lists: dict[str, Path], *, training: dict[str, object]) -> Result:
    """Fine-tune with the runner into `work`; `lists` holds train, val, test and, if there is one, base_domain."""
    config = {
        "name": "benchmark",
        "base_model": str(base_model),
        "data": {
            "train": str(lists["train"]),
            "validation": str(lists["val"]),
            "test": str(lists["test"]),
            **({"base_domain": str(lists["base_domain"])} if "base_domain" in lists else {}),
        },
        "output": str(work / "runs"),
        "training": training,
        "engine": {"kind": "local", "gpus": "none"},
    }
    # JSON is YAML
    (work / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    program = Path(sys.executable).with_name("loghi-runner")
    command = [str(program), "finetune", str(work / "config.yaml"), "--json"]
    cost = run_measured(command, work / "ours.log", cwd=work, extra_environment={})
    run_dir = max((work / "runs").iterdir(), key=lambda path: path.stat().st_mtime)
    return _read(run_dir / "out" / "events.jsonl", cost)


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
    events = _events(work / "out" / "events.jsonl")
    reading_starts = next(event.t for event in events if getattr(event.payload, "name", "") == "reading_data")
    texts, confidences = parse_results(work / "out" / RESULTS_FILE)
    return LinesRead(
        cost,
        reading_s=events[-1].t - reading_starts,
        texts={named[image]: text for image, text in texts.items()},
        confidences={named[image]: confidence for image, confidence in confidences.items()},
    )


def _events(events_file: Path) -> list[Event]:
    return [event for event in map(decode_event, events_file.read_bytes().splitlines()) if event is not None]


def _read(events_file: Path, cost: Cost) -> Result:
    events = _events(events_file)
    epochs = [event for event in events if event.payload.kind == "epoch" and event.payload.epoch > 0]
    training_starts = next(event.t for event in events if getattr(event.payload, "name", "") == "training")
    train_lines = next(e.payload.lines for e in events if getattr(e.payload, "split", "") == "train")
    return Result(
        cost,
        training_s=epochs[-1].t - training_starts,
        trained_lines=train_lines * len(epochs),
        cer_before=_cer(events, "test", "base_model"),
        cer_after=_cer(events, "test", "best_val"),
        base_domain_before=_cer_or_none(events, "base_domain", "base_model"),
        base_domain_after=_cer_or_none(events, "base_domain", "best_val"),
        evaluation_share=_evaluation_share(events, _EVALUATED_LINES, _EPOCHS),
    )


def _evaluation_share(events: list[Event], lines: int, epochs: int) -> float:
    """What evaluating so many lines, before and after, adds to so many epochs, as a fraction.

    Both are scaled from this run: its last evaluation (the base model's also makes the network ready), its epochs.
    """
    evaluated = [event for event in events if event.payload.kind == "evaluation"]
    starts = [event.t for event in events if getattr(event.payload, "name", "") == "evaluating"]
    last = [event for event in evaluated if event.t > starts[-1]]
    line_s = (last[-1].t - starts[-1]) / sum(event.payload.lines for event in last)
    trained = [event for event in events if event.payload.kind == "epoch" and event.payload.epoch > 0]
    training_starts = next(event.t for event in events if getattr(event.payload, "name", "") == "training")
    epoch_s = (trained[-1].t - training_starts) / len(trained)
    return 2 * lines * line_s / (epochs * epoch_s)


def _cer(events: list[Event], split: str, model: str) -> float:
    cer = _cer_or_none(events, split, model)
    if cer is None:
        raise SystemExit(f"the run did not score {model} on the {split} lines")
    return cer


def _cer_or_none(events: list[Event], split: str, model: str) -> float | None:
    for event in events:
        payload = event.payload
        if payload.kind == "evaluation" and payload.split == split and payload.model == model:
            return float(payload.cer)
    return None
