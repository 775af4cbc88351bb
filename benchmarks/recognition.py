"""`python -m benchmarks.recognition DATA [--upstream CHECKOUT --upstream-python PYTHON]`: lines read, beside Loghi HTR.

DATA holds `base_model/` and `target_lines/{train,val,test}.txt`. All lines are read by the same base model on the
processor, greedily: ours with batches of 16 and of 1, Loghi HTR with the batch sizes named, in turn, `--rounds` times,
each timed from its start to its end. Told are the median of the rounds and their range, and how many times as fast,
round by round; what the start takes is in `--repeats 1` and `2`.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

from benchmarks import ours, upstream
from benchmarks.measure import LinesRead, in_turn, ratios, told
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
    lines = work / "lines"

    def read_ours(batch_size: int, turn: int) -> LinesRead:
        place = work / f"ours_{batch_size}_{turn}"
        read = ours.read_lines(place, data / "base_model", lines, list(texts), batch_size)
        return _shown(_our_name(batch_size), read)

    def read_theirs(batch_size: int, turn: int) -> LinesRead:
        program = upstream.Upstream(arguments.upstream.resolve(), arguments.upstream_python.absolute())
        place = work / f"upstream_{batch_size}_{turn}"
        read = upstream.read_lines(program, place, data / "base_model", list(texts), batch_size)
        return _shown(_upstream_name(batch_size), read)

    programs = {_our_name(batch_size): partial(read_ours, batch_size) for batch_size in _OURS}
    for batch_size in arguments.upstream_batches if arguments.upstream is not None else ():
        programs[_upstream_name(batch_size)] = partial(read_theirs, batch_size)
    runs = in_turn(arguments.rounds, programs)
    for name, reads in runs.items():
        _print_row(name, reads, texts)
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


def _shown(name: str, read: LinesRead) -> LinesRead:
    print(f"  {name}: {read.cost.wall_s:.1f} s", flush=True)
    return read


def _print_row(name: str, reads: list[LinesRead], texts: dict[str, str]) -> None:
    cer = pool(count_errors(text, reads[0].texts[image].strip()) for image, text in texts.items()).cer
    costs = [read.cost for read in reads]
    print(
        f"{name}: seconds with its start {told([cost.wall_s for cost in costs])}; "
        f"of processors {told([cost.cpu_s for cost in costs])}; MB {told([cost.peak_mb for cost in costs], 0)}; "
        f"CER {cer:.4f}"
    )


def _compare(runs: dict[str, list[LinesRead]]) -> None:
    best, alone = (runs[_our_name(batch_size)] for batch_size in _OURS)
    print(f"texts that differ, loghi-runner with batch {_OURS[0]} and {_OURS[1]}: {_differing(best[0], alone[0])}")
    confidences = (abs(best[0].confidences[image] - alone[0].confidences[image]) for image in best[0].texts)
    print(f"confidences, largest difference of these two: {max(confidences):.1e}")
    theirs = {name: reads for name, reads in runs.items() if name.startswith("Loghi HTR")}
    if not theirs:
        print("Loghi HTR was not run: name a checkout with --upstream and its Python with --upstream-python")
        return
    for name, reads in theirs.items():
        walls = ratios([read.cost.wall_s for read in reads], [read.cost.wall_s for read in best])
        processors = ratios([read.cost.cpu_s for read in reads], [read.cost.cpu_s for read in best])
        print(
            f"times as fast as {name}{' (its own script)' if name == _upstream_name(_UPSTREAM_SCRIPT) else ''}: "
            f"{told(walls, 2)} by the clock, {told(processors, 2)} by processor time; "
            f"texts that differ: {_differing(best[0], reads[0])}"
        )


def _our_name(batch_size: int) -> str:
    return f"loghi-runner, batch {batch_size}"


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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="where to write; default: the system's temporary folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
