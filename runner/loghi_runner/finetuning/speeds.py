"""How fast this machine trains a model, and with how much memory: measured in a run or a probe, and remembered."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.records import RecordError, from_json, to_json
from loghi_runner.clock import utc_now
from loghi_runner.engines.processes import machine_name
from loghi_runner.files import cache_folder, write_atomically
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.runs.progress import Progress
from loghi_runner.wording import duration

#: Scoring the validation lines each epoch, and saving.
_BESIDE_TRAINING = 1.2


@dataclass(frozen=True)
class Speed:
    """What one training took on this machine; `measured` is the day, UTC."""

    seconds_per_line: float
    memory_mb: int | None
    gpu_memory_mb: int | None
    measured: str


def speed_of(plan: RunPlan) -> Speed | None:
    """What is remembered of this machine, device, model and batch size."""
    try:
        return from_json(Speed, _read()[_key(plan)], allow_unknown=True)
    except (KeyError, RecordError):
        return None


def remember(plan: RunPlan, progress: Progress) -> None:
    """Keep what a finished training took; a cache that cannot be written is no matter."""
    trained = [epoch.seconds for epoch in progress.epochs if epoch.epoch > 0 and epoch.seconds > 0]
    lines = progress.data["train"].lines if "train" in progress.data else 0
    if progress.finished is None or not trained or not lines:
        return
    # the first epoch holds the making of the graph
    seconds = min(trained[1:] or trained)
    finished = progress.finished
    speed = Speed(seconds / lines, finished.peak_memory_mb, finished.peak_gpu_memory_mb, utc_now()[:10])
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_file(), json.dumps(_read() | {_key(plan): to_json(speed)}, indent=1) + "\n")
    except OSError:
        return


def estimate_of(plan: RunPlan) -> str | None:
    """How long the run will take at most, and how much memory, in words; None when it was never measured here."""
    speed = speed_of(plan)
    if speed is None:
        return None
    seconds = speed.seconds_per_line * len(plan.lists.get("train", ())) * plan.job.training.epochs * _BESIDE_TRAINING
    parts = [f"about {duration(seconds)} at most"]
    parts += [f"{speed.memory_mb / 1000:.1f} GB of memory"] if speed.memory_mb else []
    parts += [f"{speed.gpu_memory_mb / 1000:.1f} GB on the card"] if speed.gpu_memory_mb else []
    return f"{', '.join(parts)} (measured on this machine on {speed.measured})"


def _file() -> Path:
    return cache_folder() / "speeds.json"


def _read() -> dict[str, Any]:
    try:
        value = json.loads(_file().read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _key(plan: RunPlan) -> str:
    model = plan.job.vgsl or ""
    if plan.base is not None:
        model = f"{plan.base.name}, {plan.base.classes} classes, {plan.base.model_file.stat().st_size} bytes"
    training = plan.job.training
    return " | ".join(
        [machine_name(), plan.job.device.value, model, str(training.batch_size), training.precision.value]
    )
