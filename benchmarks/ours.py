"""The runner's half: one fine-tuning on engine `local`, measured from its own events."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Cost, run_measured
from loghi_contract.events import Event, decode_event


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


def _read(events_file: Path, cost: Cost) -> Result:
    events = [event for event in map(decode_event, events_file.read_bytes().splitlines()) if event is not None]
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
    )


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
