"""How fast this machine trains a model, and with how much memory: measured in a run or a few steps, and remembered."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.job import Split, mixed_in
from loghi_contract.lines import LineSample
from loghi_contract.records import RecordError, from_json, to_json
from loghi_runner.clock import utc_now
from loghi_runner.engines.base import Engine, Setting
from loghi_runner.engines.mounts import moved_mounts
from loghi_runner.engines.processes import machine_name
from loghi_runner.engines.setting import settle_again
from loghi_runner.errors import EngineError, RunnerError
from loghi_runner.files import cache_folder, write_atomically
from loghi_runner.finetuning.lay_out import create_run_folder, cut_lines, first_record
from loghi_runner.finetuning.plan import RunPlan, View
from loghi_runner.finetuning.ways import extra_epochs
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.run_short import run_short
from loghi_runner.wording import duration

#: Scoring the validation lines each epoch, and saving.
_BESIDE_TRAINING = 1.2
#: Steps that are measured, and lines that are validated with meanwhile.
_STEPS, _VALIDATED = 6, 8


@dataclass(frozen=True)
class Speed:
    """What one training took on this machine; `measured` is the day, UTC."""

    seconds_per_line: float
    memory_mb: int | None
    gpu_memory_mb: int | None
    measured: str


def probe(plan: RunPlan, engine: Engine, setting: Setting, view: View) -> None:
    """Train on a few batches, the longest lines among them; what it took is remembered as for every run.

    Raises:
        RunnerError: these steps could not be done, so neither could the run.
    """
    output = plan.config.config.output
    with ExitStack() as lines:
        plan = cut_lines(plan, view, lines)
        output.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=".probe-", dir=output))
        lines.callback(shutil.rmtree, place, ignore_errors=True)
        view.note("measuring a few training steps ...")
        small = _small(plan, place / plan.run_id)
        setting = settle_again(engine, setting)
        small = small.on(setting.device.kind)
        # a probe is gone before anybody could ask what it was made of
        record = first_record(small, engine, setting, images={})
        create_run_folder(small, record, images={})
        launch = setting.launch(small.run_id, small.run_dir, small.mounts)
        try:
            remember(small, run_short(engine, launch, record, view.note))
        except RunnerError as error:
            message = f"a few training steps were tried and failed: {error.message}"
            raise EngineError("probe.failed", message, hint=error.hint) from error


def remember(plan: RunPlan, progress: Progress) -> None:
    """Keep what a finished training took; a cache that cannot be written is no matter."""
    trained = [epoch.seconds for epoch in progress.epochs if epoch.epoch > 0 and epoch.seconds > 0]
    lines = _an_epoch({split: told.lines for split, told in progress.data.items()})
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
    speed = _known(plan)
    if speed is None:
        return None
    counts = {split: len(samples) for split, samples in plan.lists.items()}
    last = plan.job.self_training.epochs if plan.job.self_training is not None else 0
    # k folds of k - 1 parts of the lines, and all of them
    trained = plan.job.training.epochs * max(len(plan.job.folds), 1) + extra_epochs(plan.job.trials) + last
    lines = _an_epoch(counts) * trained + counts.get(Split.UNREAD.value, 0) * last
    seconds = speed.seconds_per_line * lines * _BESIDE_TRAINING
    parts = [f"about {duration(seconds)} at most"]
    parts += [f"{speed.memory_mb / 1000:.1f} GB of memory"] if speed.memory_mb else []
    parts += [f"{speed.gpu_memory_mb / 1000:.1f} GB on the card"] if speed.gpu_memory_mb else []
    return f"{', '.join(parts)} (measured on this machine on {speed.measured})"


def card_memory_mb(plan: RunPlan) -> int | None:
    """How much memory the same training held on a card of this machine; None where it was never measured."""
    speed = _known(plan)
    return speed.gpu_memory_mb if speed is not None else None


def _known(plan: RunPlan) -> Speed | None:
    try:
        return from_json(Speed, _read()[_key(plan)], allow_unknown=True)
    except (KeyError, RecordError):
        return None


def _an_epoch(lines: Mapping[str, int]) -> int:
    """How many lines an epoch trains on, of so many of each split."""
    own = lines.get(Split.TRAIN.value, 0)
    return own + mixed_in(own, lines.get(Split.OLD_HAND.value, 0))


def _small(plan: RunPlan, run_dir: Path) -> RunPlan:
    """The same run with few lines, two epochs (the first makes the graph) and no scores in the end."""
    batch = plan.job.training.batch_size
    job = replace(
        plan.job,
        training=replace(plan.job.training, epochs=2, early_stopping=0),
        lists=replace(plan.job.lists, test=None, base_domain=None),
        old_hand=False,
        self_training=None,
        trials=None,
        folds=(),
    )
    lists = {"train": _some(plan.lists["train"], batch * _STEPS, longest=batch), "val": plan.lists["val"][:_VALIDATED]}
    return replace(plan, run_dir=run_dir, job=job, lists=lists, mounts=moved_mounts(plan.mounts, run_dir))


def _some(samples: tuple[LineSample, ...], count: int, *, longest: int) -> tuple[LineSample, ...]:
    """The lines with the longest texts, which need most memory, and others evenly from all of them."""
    by_length = sorted(samples, key=lambda sample: -len(sample.text))
    rest = by_length[longest:]
    step = max(len(rest) // max(count - longest, 1), 1)
    return tuple(by_length[:longest] + rest[::step][: count - longest])


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
