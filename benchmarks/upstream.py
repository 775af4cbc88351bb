"""Loghi HTR's half: its own main.py with its script's own arguments, from a checkout the user names."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import LinesRead, Trained, parse_results, run_measured

_LINES = re.compile(r"Created data for train with (\d+) samples")


@dataclass(frozen=True)
class Upstream:
    """A checkout of loghi-htr, and a Python that has what it needs."""

    checkout: Path
    python: Path


def fine_tune(
    upstream: Upstream, work: Path, base_model: Path, lists: dict[str, Path], *, epochs: int, batch_size: int
) -> Trained:
    """Fine-tune with the arguments of its own script into `work`."""
    work.mkdir()
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
    lines = _LINES.search(log)
    if lines is None:
        raise SystemExit(f"the log does not say how many lines were trained: {work / 'upstream.log'}")
    [best_val] = (work / "output").glob("*/best_val")
    return Trained(cost, int(lines[1]) * epochs, best_val)


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
    return LinesRead(cost, *parse_results(work / "results.txt"))
