"""Loghi HTR's half: its own main.py with its script's own arguments, from a checkout the user names."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Cost, LinesRead, parse_results, run_measured
from loghi_contract.counts import pool
from loghi_trainer.scores import count_errors

_TRAINING_SECONDS = re.compile(r"Training completed in ([0-9.]+) seconds")
_INFERENCE_SECONDS = re.compile(r"Inference completed in ([0-9.]+) seconds")
_LINES = re.compile(r"Created data for train with (\d+) samples")


@dataclass(frozen=True)
class Upstream:
    """A checkout of loghi-htr, and a Python that has what it needs."""

    checkout: Path
    python: Path


@dataclass(frozen=True)
class Result:
    cost: Cost
    training_s: float
    trained_lines: int
    cer_before: float
    cer_after: float

    @property
    def lines_per_second(self) -> float:
        return self.trained_lines / self.training_s


def fine_tune(
    upstream: Upstream, work: Path, base_model: Path, lists: dict[str, Path], *, epochs: int, batch_size: int
) -> Result:
    # it may rewrite the base model's folder
    base_copy = Path(shutil.copytree(base_model, work / "base_model"))
    command = [
        str(upstream.python), "main.py",
        "--train_list", str(lists["train"]), "--do_validate", "--validation_list", str(lists["val"]),
        "--learning_rate", "0.0003", "--batch_size", str(batch_size), "--epochs", str(epochs),
        "--gpu", "-1", "--seed", "1", "--beam_width", "1", "--model", str(base_copy), "--aug_multiply", "1",
        "--model_name", "benchmark", "--output", str(work / "output"),
    ]  # fmt: skip
    cost = run_measured(command, work / "upstream.log", cwd=upstream.checkout / "src", extra_environment={})
    log = (work / "upstream.log").read_text(encoding="utf-8", errors="replace")
    seconds, lines = _TRAINING_SECONDS.search(log), _LINES.search(log)
    if seconds is None or lines is None:
        raise SystemExit(f"the log has no training time: {work / 'upstream.log'}")
    [best_val] = (work / "output").glob("*/best_val")
    return Result(
        cost,
        training_s=float(seconds[1]),
        trained_lines=int(lines[1]) * epochs,
        cer_before=test_cer(upstream, work / "before", base_copy, lists["test"]),
        cer_after=test_cer(upstream, work / "after", best_val, lists["test"]),
    )


def test_cer(upstream: Upstream, work: Path, model: Path, test_list: Path) -> float:
    """CER of upstream's own inference, one line a batch."""
    texts = dict(line.split("\t", 1) for line in test_list.read_text(encoding="utf-8").splitlines())
    read = read_lines(upstream, work, model, list(texts), 1).texts
    return pool(count_errors(text.strip(), read[image].strip()) for image, text in texts.items()).cer


def read_lines(upstream: Upstream, work: Path, model: Path, images: list[str], batch_size: int) -> LinesRead:
    """Upstream's own inference: greedy, float32, a list without texts."""
    work.mkdir()
    (work / "images.txt").write_text("".join(f"{image}\n" for image in images), encoding="utf-8")
    # it may rewrite the model's folder
    model_copy = shutil.copytree(model, work / "model")
    command = [
        str(upstream.python), "main.py", "--inference_list", str(work / "images.txt"), "--model", str(model_copy),
        "--results_file", str(work / "results.txt"), "--output", str(work), "--batch_size", str(batch_size),
        "--greedy", "--gpu", "-1", "--use_float32",
    ]  # fmt: skip
    cost = run_measured(command, work / "inference.log", cwd=upstream.checkout / "src", extra_environment={})
    seconds = _INFERENCE_SECONDS.search((work / "inference.log").read_text(encoding="utf-8", errors="replace"))
    if seconds is None:
        raise SystemExit(f"the log has no inference time: {work / 'inference.log'}")
    return LinesRead(cost, float(seconds[1]), *parse_results(work / "results.txt"))
