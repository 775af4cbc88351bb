"""`python -m benchmarks.accuracy PLACE DATA [--upstream CHECKOUT --upstream-python PYTHON] [--only ROW,ROW]`

How well models read that were taught a new hand, by loghi-runner and by Loghi HTR, with many lines and with few. DATA
holds `base_model/` and `target/` (pages, and `PAGES.tsv`, which says of each whether it is for train, val or test);
if there are, `target_lines/{train,val,test}.txt` (the same lines as boxes around their outlines, without pages),
`base_domain_lines/test.txt` (the old hand), and `more.txt` (further texts of the same office).

It takes hours. Whatever is done lies in PLACE: given again, it goes on where it was, and prints the table of what is
known so far. Validation lines choose everything; the test lines are read once for each row and seed, at its end.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import ours, upstream
from benchmarks.measure import cer_of
from loghi_contract.events import Model
from loghi_runner.files import write_atomically

# what a row is judged by; the last is the old hand
JUDGED = ("val", "test", "base_domain")


@dataclass(frozen=True)
class Row:
    """One line of the table: how a model is taught. `settings` are sections of a config, beside the lists."""

    name: str
    lines: int | None = None  # of the training lines, spread over all pages; None: all
    epochs: int | None = None  # None: what the program does by itself
    seeds: int = 1
    by_upstream: bool = False
    boxes: bool = False
    other_texts: bool = False  # the language model also learns the texts of the lines that are not taken
    unread: bool = False  # in the end the lines that are not taken are learnt as they are read
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        return "".join(letter if letter.isalnum() else "_" for letter in self.name.lower())


@dataclass(frozen=True)
class Scores:
    """CER as a fraction, by split, and the seconds of the fine-tuning; null where it was interrupted."""

    greedy: dict[str, float]
    with_lm: dict[str, float]
    epochs: int
    wall_s: float | None


ROWS = (
    Row("ours, 10 epochs", epochs=10, seeds=3),
    Row("Loghi HTR, 10 epochs", epochs=10, by_upstream=True),
    Row("ours", seeds=3),
    Row("ours, 50 lines", lines=50, seeds=3),
    Row("Loghi HTR, 50 lines, 30 epochs", lines=50, epochs=30, by_upstream=True),
    Row("Loghi HTR, 30 epochs", epochs=30, by_upstream=True),
    Row("ours, 30 epochs", epochs=30, seeds=3),
    Row("ours, 50 lines, 10 epochs", lines=50, epochs=10, seeds=3),
    Row("Loghi HTR, 50 lines, 10 epochs", lines=50, epochs=10, by_upstream=True),
    Row("ours, 50 lines, 30 epochs", lines=50, epochs=30, seeds=3),
    Row("ours, 25 lines", lines=25),
    Row("ours, 100 lines", lines=100),
    Row("ours, 200 lines", lines=200),
    Row("ours, 50 lines, the texts of the others", lines=50, other_texts=True),
    Row("ours, 50 lines, the others unread", lines=50, unread=True),
    Row("ours, boxes", boxes=True),
    Row("ours, boxes made level", boxes=True, settings={"data": {"straighten": True}}),
)


def main() -> None:
    arguments = _parse()
    place, data = arguments.place.resolve(), arguments.data.resolve()
    program = None
    if arguments.upstream is not None:
        program = upstream.Upstream(arguments.upstream.resolve(), arguments.upstream_python.absolute())
    for row in ROWS:
        named = arguments.only is None or row.name in arguments.only
        if not named or (row.by_upstream and program is None):
            continue
        for seed in range(1, row.seeds + 1):
            scores_file = place / "scores" / f"{row.file_name}-{seed}.json"
            if scores_file.exists():
                continue
            print(f"{row.name}, seed {seed}", flush=True)
            work = place / "work" / scores_file.stem
            lists = _lists(row, data, place)
            if row.by_upstream and program is not None:
                scores = _by_upstream(program, row, work, data / "base_model", lists)
            else:
                scores = _by_ours(row, seed, work, data / "base_model", lists)
            scores_file.parent.mkdir(exist_ok=True)
            write_atomically(scores_file, json.dumps(asdict(scores), indent=1))
    for told in _table(place / "scores"):
        print(told)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("place", type=Path, help="where results are kept")
    parser.add_argument("data", type=Path)
    parser.add_argument("--upstream", type=Path, help="a checkout of loghi-htr")
    parser.add_argument("--upstream-python", type=Path, default=Path("python3"), help="a Python that can run it")
    parser.add_argument("--only", action="append", choices=[row.name for row in ROWS], help="a row; as often as wanted")
    return parser.parse_args()


def _lists(row: Row, data: Path, place: Path) -> dict[str, Path]:
    """Line lists by split, with absolute paths, in the folder of the row's lines; `others` are those not taken."""
    folder = place / "lists" / f"{'boxes' if row.boxes else 'cut'}_{row.lines or 'all'}"
    if row.boxes:
        source = data / "target_lines"
        rows = {split: _rows(source / f"{split}.txt", source) for split in ("train", "val", "test")}
    else:
        rows = _cut_lines(data / "target", place / "cut")
    every = rows["train"]
    taken = [every[number * len(every) // row.lines] for number in range(row.lines)] if row.lines else every
    rows |= {"train": taken, "others": [each for each in every if each not in set(taken)]}
    if (data / "base_domain_lines" / "test.txt").exists():
        rows["base_domain"] = _rows(data / "base_domain_lines" / "test.txt", data / "base_domain_lines")
    folder.mkdir(parents=True, exist_ok=True)
    lists = {split: folder / f"{split}.txt" for split in rows}
    for split, each in rows.items():
        write_atomically(lists[split], "".join(f"{one}\n" for one in each))
    return lists


def _cut_lines(pages: Path, cut: Path) -> dict[str, list[str]]:
    """The lines of pages as Loghi's own workflow cuts them, by the split of PAGES.tsv."""
    if not cut.exists():
        program = Path(sys.executable).with_name("loghi-runner")
        subprocess.run(
            [program, "prepare", pages, cut.with_suffix(".part"), "--relative", "--json"],
            check=True,
            capture_output=True,
        )
        cut.with_suffix(".part").rename(cut)
    named = [row.split("\t") for row in (pages / "PAGES.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    split_of = dict(named)
    rows: dict[str, list[str]] = {split: [] for split in ("train", "val", "test")}
    for part in cut.glob("training_all_*.txt"):
        for row in _rows(part, cut):
            rows[split_of[Path(row.split("\t")[0]).parent.name]].append(row)
    return {split: sorted(each) for split, each in rows.items()}


def _rows(line_list: Path, folder: Path) -> list[str]:
    return [f"{folder}/{row}" for row in line_list.read_text(encoding="utf-8").splitlines() if row]


def _by_ours(row: Row, seed: int, work: Path, base_model: Path, lists: dict[str, Path]) -> Scores:
    config: dict[str, Any] = {key: dict(section) for key, section in row.settings.items()}
    names = {"train": "train", "validation": "val", "test": "test", "base_domain": "base_domain"}
    config["data"] = {key: str(lists[split]) for key, split in names.items() if split in lists} | config.get("data", {})
    config["training"] = {"seed": seed} | config.get("training", {})
    if row.epochs is not None:
        config["training"] |= {"epochs": row.epochs, "early_stopping": row.epochs}
    if row.unread:
        config["training"]["unread"] = [str(lists["others"])]
    if row.other_texts:
        texts = work.parent / f"{work.name}_texts.txt"
        others = [each.split("\t")[-1] for each in lists["others"].read_text(encoding="utf-8").splitlines()]
        write_atomically(texts, "".join(f"{text}\n" for text in others))
        config["text"] = {"more": [str(texts)]}
    cost, progress, _best_val = ours.finetune(work, base_model, config)
    greedy, with_lm = {}, {}
    if progress.best is not None:
        greedy["val"] = progress.best.val_cer
    for split in ("test", "base_domain"):
        score = progress.score(split, Model.BEST)
        if score is not None:
            greedy[split] = score.cer
        if score is not None and score.lm_cer is not None:
            with_lm[split] = score.lm_cer
    return Scores(greedy, with_lm, progress.epochs[-1].epoch, None if cost is None else cost.wall_s)


def _by_upstream(program: upstream.Upstream, row: Row, work: Path, base_model: Path, lists: dict[str, Path]) -> Scores:
    assert row.epochs is not None
    shutil.rmtree(work, ignore_errors=True)  # it cannot go on
    trained = upstream.fine_tune(program, work, base_model, lists, epochs=row.epochs, batch_size=8)
    greedy = {}
    for split in JUDGED:
        if split in lists:
            rows = [each.split("\t") for each in lists[split].read_text(encoding="utf-8").splitlines()]
            texts = {image: text.strip() for image, *_, text in rows}
            # in larger batches it reads other texts
            read = upstream.read_lines(program, work / split, trained.best_val, list(texts), 1)
            greedy[split] = cer_of(texts, read.texts)
    return Scores(greedy, {}, row.epochs, trained.cost.wall_s)


def _table(folder: Path) -> Iterator[str]:
    """Markdown: medians, and between what they lie where there are several seeds."""
    yield "| | epochs | validation | test | test with the language model | old hand | minutes |"
    yield "|---|---|---|---|---|---|---|"
    for row in ROWS:
        files = sorted(folder.glob(f"{row.file_name}-*.json"))
        if files:
            found = [Scores(**json.loads(path.read_text(encoding="utf-8"))) for path in files]
            cells = [
                _cell([float(each.epochs) for each in found], 1, 0),
                _cell([each.greedy["val"] for each in found if "val" in each.greedy], 100, 1),
                _cell([each.greedy["test"] for each in found], 100, 1),
                _cell([each.with_lm["test"] for each in found if "test" in each.with_lm], 100, 1),
                _cell([each.greedy["base_domain"] for each in found if "base_domain" in each.greedy], 100, 1),
                _cell([each.wall_s for each in found if each.wall_s is not None], 1 / 60, 0),
            ]
            yield f"| {row.name} | {' | '.join(cells)} |"


def _cell(values: list[float], times: float, digits: int) -> str:
    scaled = [value * times for value in values]
    if not scaled:
        return ""
    middle = f"{statistics.median(scaled):.{digits}f}"
    return middle if len(scaled) == 1 else f"{middle} ({min(scaled):.{digits}f} to {max(scaled):.{digits}f})"


if __name__ == "__main__":
    main()
