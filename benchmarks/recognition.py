"""`python -m benchmarks.recognition DATA [--upstream CHECKOUT --upstream-python PYTHON]`: lines read, beside Loghi HTR.

DATA holds `base_model/` and `target_lines/{train,val,test}.txt`. All lines are read by the same base model on the
processor, greedily: ours with batches of 16 and of 1, Loghi HTR with the batch sizes named, in turn, `--rounds` times.
The fastest round of each counts, so that a neighbour on the machine disturbs both the least.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks import ours, upstream
from benchmarks.measure import LinesRead
from loghi_contract.counts import pool
from loghi_trainer.scores import count_errors

_OURS = (16, 1)
# Source: loghi 2.x, scripts/inference-pipeline.sh, --batch_size
_UPSTREAM_SCRIPT = 64


def main() -> None:
    arguments = _parse()
    data = arguments.data.resolve()
    work = Path(tempfile.mkdtemp(prefix="loghi-runner-bench-", dir=arguments.work))
    print(f"working in {work}", flush=True)
    texts = _lay_out_lines(data / "target_lines", work / "lines", arguments.repeats)
    print(f"{len(texts)} lines, {arguments.rounds} rounds", flush=True)
    runs: dict[str, LinesRead] = {}
    for turn in range(arguments.rounds):
        for batch_size in _OURS:
            place = work / f"ours_{batch_size}_{turn}"
            read = ours.read_lines(place, data / "base_model", work / "lines", list(texts), batch_size)
            _keep_fastest(runs, f"loghi-runner, batch {batch_size}", read)
        for batch_size in arguments.upstream_batches if arguments.upstream is not None else ():
            program = upstream.Upstream(arguments.upstream.resolve(), arguments.upstream_python.absolute())
            place = work / f"upstream_{batch_size}_{turn}"
            read = upstream.read_lines(program, place, data / "base_model", list(texts), batch_size)
            _keep_fastest(runs, _upstream_name(batch_size), read)
    for name, read in runs.items():
        _print_row(name, read, texts)
    _compare(runs)


def _lay_out_lines(source: Path, target: Path, repeats: int) -> dict[str, str]:
    """Every line's text by its image; each repeat has images of its own name, so that none is decoded once for all."""
    target.mkdir()
    texts = {}
    for number in range(repeats):
        (target / str(number)).symlink_to(source)
        for split in ("train", "val", "test"):
            for row in (source / f"{split}.txt").read_text(encoding="utf-8").splitlines():
                if row:
                    image, *_, text = row.split("\t")
                    texts[f"{target / str(number)}/{image}"] = text.strip()
    return texts


def _keep_fastest(runs: dict[str, LinesRead], name: str, read: LinesRead) -> None:
    print(f"  {name}: {read.reading_s:.1f} s", flush=True)
    if name not in runs or read.reading_s < runs[name].reading_s:
        runs[name] = read


def _print_row(name: str, read: LinesRead, texts: dict[str, str]) -> None:
    cer = pool(count_errors(text, read.texts[image].strip()) for image, text in texts.items()).cer
    lines = len(read.texts)
    print(
        f"{name}: {lines / read.reading_s:.1f} lines/s reading alone, {lines / read.cost.wall_s:.1f} with its start, "
        f"{lines / read.cost.cpu_s:.1f} a processor second, {read.cost.peak_mb:.0f} MB; CER {cer:.4f}"
    )


def _compare(runs: dict[str, LinesRead]) -> None:
    best, alone = (runs[f"loghi-runner, batch {batch_size}"] for batch_size in _OURS)
    print(f"texts that differ, loghi-runner with batch {_OURS[0]} and {_OURS[1]}: {_differing(best, alone)}")
    confidences = (abs(best.confidences[image] - alone.confidences[image]) for image in best.texts)
    print(f"confidences, largest difference of these two: {max(confidences):.1e}")
    theirs = {name: read for name, read in runs.items() if name.startswith("Loghi HTR")}
    if not theirs:
        print("Loghi HTR was not run: name a checkout with --upstream and its Python with --upstream-python")
        return
    for name, read in theirs.items():
        print(f"texts that differ, loghi-runner and {name}: {_differing(best, read)}")
    script = theirs.get(_upstream_name(_UPSTREAM_SCRIPT))
    if script is not None:
        _print_ratios(f"Loghi's own script (batch {_UPSTREAM_SCRIPT})", best, [script])
    _print_ratios("the fastest of Loghi HTR", best, list(theirs.values()))


def _print_ratios(name: str, ours: LinesRead, theirs: list[LinesRead]) -> None:
    """How many times as fast, each kind of time against the fastest in it."""
    reading = min(read.reading_s for read in theirs) / ours.reading_s
    whole = min(read.cost.wall_s for read in theirs) / ours.cost.wall_s
    processor = min(read.cost.cpu_s for read in theirs) / ours.cost.cpu_s
    print(
        f"times as fast as {name}: {reading:.2f} reading alone, {whole:.2f} with its start; "
        f"{processor:.2f} times the lines a processor second"
    )


def _upstream_name(batch_size: int) -> str:
    return f"Loghi HTR, batch {batch_size}"


def _differing(left: LinesRead, right: LinesRead) -> int:
    return sum(left.texts[image].strip() != right.texts[image].strip() for image in left.texts)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recognition", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--upstream", type=Path, help="a checkout of loghi-htr")
    parser.add_argument("--upstream-python", type=Path, default=Path("python3"), help="a Python that can run it")
    parser.add_argument("--upstream-batches", type=int, nargs="+", default=[1, 16, 64], help="default: 1 16 64")
    parser.add_argument("--repeats", type=int, default=2, help="how often the lines are read in one run")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--work", type=Path, help="where to write; default: the system's temporary folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
