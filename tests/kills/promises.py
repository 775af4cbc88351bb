"""What holds of a run after whatever was killed: model, record and events tell the same, and nothing is left over."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py

from loghi_contract.checkpoint import UNFINISHED_FILE, find_checkpoint
from loghi_contract.exit_codes import ExitCode
from loghi_contract.saved_epoch import read_saved_epoch
from loghi_runner.runs.folder import RunFolder, RunRecord
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.progress import read_events as told_events

PARTS = {"model.keras", "tokenizer.json", "charlist.txt", "config.json", "lm"}


@dataclass(frozen=True)
class Undisturbed:
    """The run that nobody kills: with its seed the same epoch has the same weights in every run.

    Args:
        epochs: each saved epoch by the digest of its weights.
        cers: on the validation lines, by epoch.
    """

    epochs: dict[str, int]
    cers: dict[int, float]
    seconds: float
    end: "End"


@dataclass(frozen=True)
class End:
    """What a run comes to: its epoch table without times, the best model, and all that a checkpoint holds."""

    table: tuple[object, ...]
    best: str
    last: str


def end_of(folder: RunFolder) -> End:
    rows = Progress.of(told_events(folder.events_file)).epochs
    table = tuple(replace(row, seconds=0.0) for row in rows)
    digest = hashlib.sha256()
    with zipfile.ZipFile(find_checkpoint(folder.out).file) as archive:
        for name in archive.namelist():
            if name.endswith(".npy"):
                digest.update(name.encode() + archive.read(name))
    return End(table, weights_digest(folder.best_val / "model.keras"), digest.hexdigest())


def break_of_resumed(folder: RunFolder, undisturbed: Undisturbed) -> list[str]:
    """In what a run that was killed and resumed to its end differs from one that nobody killed."""
    end = end_of(folder)
    return [
        f"resumed to its end, its {name} is another: {getattr(end, name)}"
        for name in ("table", "best", "last")
        if getattr(end, name) != getattr(undisturbed.end, name)
    ]


def weights_digest(model: Path) -> str:
    """Of all weights. Raises when the file is not a whole model."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(model) as archive:
        if archive.testzip() is not None:
            raise ValueError("a member is damaged")
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
            weights.visititems(
                lambda name, item: (
                    digest.update(name.encode() + item[()].tobytes()) if isinstance(item, h5py.Dataset) else None
                )
            )
    return digest.hexdigest()


def read_events(folder: RunFolder) -> tuple[list[dict[str, Any]], list[str]]:
    """The events, and what is wrong with their file."""
    content = folder.events_file.read_bytes() if folder.events_file.is_file() else b""
    lines = content.split(b"\n")
    broken = [] if not lines[-1] else ["events.jsonl ends in half a line"]
    events = []
    for line in lines[:-1]:
        try:
            events.append(json.loads(line))
        except ValueError:
            broken.append("events.jsonl has a torn line")
    if [event["seq"] for event in events] != list(range(len(events))):
        broken.append("the events are not numbered without gaps")
    if any(one["kind"] in ("finished", "failed") and two["kind"] != "resumed" for one, two in pairwise(events)):
        broken.append("something was told after a last word")
    return events, broken


def break_of_model(folder: RunFolder, record: RunRecord, undisturbed: Undisturbed) -> tuple[int | None, list[str]]:
    """Which epoch is on disk, and what is said of it that is not so."""
    events, broken = read_events(folder)
    announced = [event["epoch"] for event in events if event["kind"] == "checkpoint"]
    scored = {event["epoch"] for event in events if event["kind"] == "epoch"}
    said = record.error.message if record.error else ""
    inside = {path.name for path in folder.best_val.iterdir()} if folder.best_val.is_dir() else set()
    if inside - PARTS:
        broken.append(f"best_val holds more than a model: {sorted(inside - PARTS)}")
    model = folder.best_val / "model.keras"
    if not model.is_file():
        if announced:
            broken.append(f"epoch {announced[-1]} was announced, and there is no model")
        if record.best_epoch is not None or "is kept" in said:
            broken.append(f"there is no model, and run.json speaks of epoch {record.best_epoch}: {said}")
        return None, broken
    if inside != PARTS:
        broken.append(f"best_val lacks {sorted(PARTS - inside)}")
    try:
        epoch = undisturbed.epochs.get(weights_digest(model))
    except Exception as error:  # noqa: BLE001  # whatever is wrong with it
        return None, [*broken, f"the model is damaged: {error}"]
    saved = read_saved_epoch(model)
    if epoch is None:
        broken.append("the model's weights are those of no epoch")
    if saved is None or saved.epoch != epoch:
        broken.append(f"the model is epoch {epoch} and says {saved}")
    if record.best_epoch != epoch:
        broken.append(f"the model is epoch {epoch}, run.json names {record.best_epoch}")
    elif "best_val of epoch" in said and f"best_val of epoch {epoch} is kept" not in said:
        broken.append(f"the model is epoch {epoch}, the message says: {said}")
    if announced and epoch is not None and announced[-1] > epoch:
        broken.append(f"epoch {announced[-1]} was announced, the model is epoch {epoch}")
    # epoch 0 is saved before it is scored; every other one knows its CER
    expected = undisturbed.cers.get(epoch) if epoch is not None and (epoch > 0 or 0 in scored) else None
    if record.best_val_cer is None or expected is None:
        if record.best_val_cer is not expected:
            broken.append(f"run.json says CER {record.best_val_cer}, it is {expected}")
    elif abs(record.best_val_cer - expected) > 1e-9:
        broken.append(f"run.json says CER {record.best_val_cer}, it is {expected}")
    return epoch, broken


def break_of_end(folder: RunFolder, record: RunRecord, shown: str, listed: str) -> list[str]:
    """What is wrong with how the run is told to have ended, or with what lies in its folder."""
    events, _ = read_events(folder)
    resumed = max((number for number, event in enumerate(events) if event["kind"] == "resumed"), default=0)
    broken = []
    if len({record.state.value, shown, listed}) > 1:
        broken.append(f"run.json says {record.state.value}, show {shown}, runs {listed}")
    if not record.state.is_over:
        broken.append(f"nobody trains, and the run is {record.state.value}")
    if record.state.value in ("failed", "lost") and record.error is None:
        broken.append(f"{record.state.value} without an error")
    if record.state.is_over and record.exit_code not in set(ExitCode):
        broken.append(f"the exit code {record.exit_code} is none of ours")
    if any(event["kind"] == "finished" for event in events[resumed:]) and record.status is None:
        broken.append("the trainer finished, and run.json does not know")
    if record.status is not None and not folder.report_file.is_file():
        broken.append("it finished, and there is no report")
    if folder.saving.exists():
        broken.append("the folder of a half-written model is left")
    if (folder.last / UNFINISHED_FILE).exists():
        broken.append("a half-written checkpoint is left")
    hidden = [path for path in folder.path.rglob(".*") if "places" not in path.relative_to(folder.path).parts]
    broken += [f"a temporary file is left: {path.relative_to(folder.path)}" for path in hidden if path != folder.saving]
    return broken
