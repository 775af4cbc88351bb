"""`python -m benchmarks DATA [--upstream CHECKOUT --upstream-python PYTHON]`: fine-tune on real lines, beside Loghi.

DATA holds `base_model/` and `target_lines/{train,val,test}.txt` (and, if there is one, `base_domain_lines/test.txt`).
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks import ours, upstream


def main() -> None:
    arguments = _parse()
    data = arguments.data.resolve()
    work = Path(tempfile.mkdtemp(prefix="loghi-runner-bench-", dir=arguments.work))
    print(f"working in {work}", flush=True)
    lists = _absolute_lists(data, work)
    training = {
        "epochs": arguments.epochs,
        "batch_size": arguments.batch_size,
        "early_stopping": arguments.epochs,
        "seed": arguments.seed,
    }
    if arguments.augmentation is not None:
        training["augmentation"] = arguments.augmentation
    if arguments.learning_rate is not None:
        training["learning_rate"] = arguments.learning_rate
    (work / "ours").mkdir()
    our_result = ours.fine_tune(work / "ours", data / "base_model", lists, training=training)
    _print_row("loghi-runner", our_result)
    if our_result.base_domain_before is not None and our_result.base_domain_after is not None:
        print(f"  base domain: CER {our_result.base_domain_before:.4f} -> {our_result.base_domain_after:.4f}")
    print(f"  evaluating 1000 lines, before and after, adds {our_result.evaluation_share:.1%} to 10 epochs")
    if arguments.upstream is None:
        print("Loghi HTR was not run: name a checkout with --upstream and its Python with --upstream-python")
        return
    (work / "upstream").mkdir()
    theirs = upstream.fine_tune(
        upstream.Upstream(arguments.upstream.resolve(), arguments.upstream_python.absolute()),
        work / "upstream",
        data / "base_model",
        lists,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
    )
    _print_row("Loghi HTR", theirs)
    print(f"training lines/s, ratio: {our_result.lines_per_second / theirs.lines_per_second:.2f}")
    print(f"wall time, ratio: {our_result.cost.wall_s / theirs.cost.wall_s:.2f}")
    print(f"test CER, difference: {our_result.cer_after - theirs.cer_after:+.4f}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--upstream", type=Path, help="a checkout of loghi-htr")
    parser.add_argument("--upstream-python", type=Path, default=Path("python3"), help="a Python that can run it")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--augmentation", choices=["none", "light"], help="default: the runner's own")
    parser.add_argument("--learning-rate", type=float, help="default: the runner's own")
    parser.add_argument("--work", type=Path, help="where to write; default: the system's temporary folder")
    return parser.parse_args()


def _absolute_lists(data: Path, work: Path) -> dict[str, Path]:
    sources = {name: data / "target_lines" / f"{name}.txt" for name in ("train", "val", "test")}
    if (data / "base_domain_lines" / "test.txt").exists():
        sources["base_domain"] = data / "base_domain_lines" / "test.txt"
    lists = {}
    for name, source in sources.items():
        rows = [row for row in source.read_text(encoding="utf-8").splitlines() if row]
        lists[name] = work / f"{name}.txt"
        lists[name].write_text("".join(f"{source.parent}/{row}\n" for row in rows), encoding="utf-8")
    return lists


def _print_row(name: str, result: ours.Result | upstream.Result) -> None:
    cost = result.cost
    print(
        f"{name}: {result.lines_per_second:.2f} training lines/s, {cost.wall_s:.0f} s wall, "
        f"{cost.cpu_s:.0f} s processor, {cost.peak_mb:.0f} MB; "
        f"test CER {result.cer_before:.4f} -> {result.cer_after:.4f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
