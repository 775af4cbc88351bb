"""`python -m benchmarks DATA [--upstream CHECKOUT --upstream-python PYTHON]`: fine-tune on real lines, beside Loghi.

DATA holds `base_model/` and `target_lines/{train,val,test}.txt` (and, if there is one, `base_domain_lines/test.txt`).
Both programs get the same lists, epochs and batch size, in turn, `--rounds` times; each is timed from its start to its
end. Told are the median of the rounds and their range, and how many times as fast, round by round.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

from benchmarks import ours, upstream
from benchmarks.measure import LinesRead, Trained, cer_of, in_turn, ratios, told

OURS, THEIRS = "loghi-runner", "Loghi HTR"


def main() -> None:
    arguments = _parse()
    data = arguments.data.resolve()
    work = Path(tempfile.mkdtemp(prefix="loghi-runner-bench-", dir=arguments.work))
    print(f"working in {work}", flush=True)
    lists = _absolute_lists(data, work)
    program = None
    if arguments.upstream is not None:
        program = upstream.Upstream(arguments.upstream.resolve(), arguments.upstream_python.absolute())
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

    def train_ours(turn: int) -> Trained:
        return _shown(OURS, ours.fine_tune(work / f"ours_{turn}", data / "base_model", lists, training=training))

    def train_theirs(turn: int) -> Trained:
        assert program is not None
        place, epochs, batch_size = work / f"upstream_{turn}", arguments.epochs, arguments.batch_size
        trained = upstream.fine_tune(program, place, data / "base_model", lists, epochs=epochs, batch_size=batch_size)
        return _shown(THEIRS, trained)

    programs = {OURS: train_ours} | ({THEIRS: train_theirs} if program is not None else {})
    runs = in_turn(arguments.rounds, programs)
    for name, trained in runs.items():
        _print_row(name, trained)
    _print_scores(OURS, partial(_read_by_ours, work), lists, data / "base_model", runs[OURS][0].best_val)
    if program is None:
        print("Loghi HTR was not run: name a checkout with --upstream and its Python with --upstream-python")
        return
    read_theirs = partial(_read_by_theirs, work, program)
    _print_scores(THEIRS, read_theirs, lists, data / "base_model", runs[THEIRS][0].best_val)
    walls = [[trained.cost.wall_s for trained in runs[name]] for name in (THEIRS, OURS)]
    processors = [[trained.cost.cpu_s for trained in runs[name]] for name in (THEIRS, OURS)]
    print(f"times as fast, by the clock: {told(ratios(*walls), 2)}; by processor time: {told(ratios(*processors), 2)}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--upstream", type=Path, help="a checkout of loghi-htr")
    parser.add_argument("--upstream-python", type=Path, default=Path("python3"), help="a Python that can run it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2)
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


def _shown(name: str, trained: Trained) -> Trained:
    print(f"  {name}: {trained.cost.wall_s:.1f} s", flush=True)
    return trained


def _print_row(name: str, runs: list[Trained]) -> None:
    print(
        f"{name}: training lines/s, all in {told([run.lines_per_second for run in runs], 2)}; "
        f"seconds {told([run.cost.wall_s for run in runs])}; of processors {told([run.cost.cpu_s for run in runs])}; "
        f"MB {told([run.cost.peak_mb for run in runs], 0)}",
        flush=True,
    )


def _print_scores(name: str, read: "partial[LinesRead]", lists: dict[str, Path], before: Path, after: Path) -> None:
    """CER by the program's own inference, which knows no text."""
    for split in ("test", "base_domain"):
        if split in lists:
            rows = [row.split("\t") for row in lists[split].read_text(encoding="utf-8").splitlines()]
            texts = {image: text.strip() for image, *_, text in rows}
            models = {"before": before, "after": after}
            cers = [
                cer_of(texts, read(f"{split}_{place}", model, list(texts)).texts) for place, model in models.items()
            ]
            print(f"{name}: CER on {split} lines {cers[0]:.4f} -> {cers[1]:.4f}", flush=True)


def _read_by_ours(work: Path, place: str, model: Path, images: list[str]) -> LinesRead:
    return ours.read_lines(work / f"ours_{place}", model, Path("/"), images, 16)


def _read_by_theirs(work: Path, program: upstream.Upstream, place: str, model: Path, images: list[str]) -> LinesRead:
    # in larger batches it reads other texts
    return upstream.read_lines(program, work / f"upstream_{place}", model, images, 1)


if __name__ == "__main__":
    main()
