"""Ways to come by line images are tried as they would be trained, and left only for a gain that is no chance."""

import json
import os
import random
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from loghi_contract import events
from loghi_contract.counts import ErrorCounts
from loghi_contract.exit_codes import ExitCode
from loghi_contract.saved_epoch import read_saved_epoch
from loghi_contract.trials import LineErrors, WayErrors, read_trials
from loghi_runner.evaluation.intervals import gain_interval
from loghi_runner.runs.progress import Progress, read_events
from tests.trainer.forked import start_forked
from tests.trainer.made_jobs import JobFolder, alike_texts, make_job

pytest.importorskip("keras", reason="the trainer's packages are not installed")

pytestmark = pytest.mark.tf

KEYS = {"train": alike_texts(14, 1), "val": alike_texts(12, 2), "training": {"epochs": 2, "learning_rate": 0.02}}
NETWORK = "None,None,32,1 Cr3,3,8 Mp2,2,2,2 Bn Cr3,3,8 Mp2,2,2,2 Bn Rc3 Bl16 D50 Fs92"


def read(name: str, edits: Sequence[int], pages: int = 1) -> WayErrors:
    lines = (LineErrors(f"{n}.png", f"page {n % pages}", edit, 40) for n, edit in enumerate(edits))
    return WayErrors(name, tuple(lines))


def run(job: JobFolder, before: Callable[[], object] = int) -> int | None:
    process = start_forked(job, before)
    process.communicate()
    return process.returncode


def stop_in_trial(way: str) -> None:
    from loghi_trainer import trials

    read_way = trials._Trial.read

    def stopped(self: trials._Trial, *args: object) -> WayErrors:
        if self.way.name == way:
            os.kill(os.getpid(), signal.SIGTERM)
        return read_way(self, *args)  # type: ignore[arg-type]

    trials._Trial.read = stopped  # type: ignore[method-assign, assignment]


@pytest.fixture(scope="module")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    job = make_job(tmp_path_factory.mktemp("base") / "run", **KEYS, vgsl=NETWORK)
    assert run(job) == ExitCode.OK
    return job.out / "model/best_val"


def trying(root: Path, base_model: Path) -> JobFolder:
    lists = {"train": "/in/job/lists/train.txt", "val": "/in/job/lists/val.txt", "test": None, "base_domain": None}
    ways = [{"name": name, "lists": lists, "straighten": name == "true"} for name in ("false", "true")]
    trials = {"key": "data.straighten", "epochs": 2, "ways": ways}
    return make_job(root, base_model=base_model, **KEYS, trials=trials)


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, base_model: Path) -> JobFolder:
    job = trying(tmp_path_factory.mktemp("tried") / "run", base_model)
    assert run(job) == ExitCode.OK
    return job


def test_a_trial_is_the_training_that_it_stands_for(tried: JobFolder) -> None:
    (chosen,) = tried.of_kind("chosen")
    told = [(trial.way, trial.epoch, trial.val_cer) for trial in tried.of_kind("trial") if trial.val_cer is not None]

    assert [(way, epoch) for way, epoch, _ in told] == [("false", 1), ("false", 2), ("true", 1), ("true", 2)]
    assert chosen.way == "false"
    trained = [(epoch.epoch, epoch.val_cer) for epoch in tried.of_kind("epoch") if epoch.epoch > 0]
    assert trained == [(epoch, cer) for way, epoch, cer in told if way == chosen.way]


def test_a_run_that_was_stopped_while_it_tried_goes_on_there(
    tmp_path: Path, base_model: Path, tried: JobFolder
) -> None:
    job = trying(tmp_path / "run", base_model)
    assert run(job, partial(stop_in_trial, "true")) == ExitCode.TERMINATED
    assert job.of_kind("finished")[0].status is events.FinishStatus.CANCELLED
    assert [way.name for way in (read_trials(job.out) or pytest.fail()).ways] == ["false"]
    file = job.root / "in/job/job.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"resume": True}))

    assert run(job) == ExitCode.OK

    over = [trial.way for trial in job.of_kind("trial") if trial.val_cer is not None]
    assert over == ["false", "false", "true", "true"], "none is tried again"
    assert read_trials(job.out) == read_trials(tried.out)
    progress, whole = Progress.of(read_events(job.out / "events.jsonl")), tried.of_kind("epoch")
    assert [row.val_cer for row in progress.epochs] == [row.val_cer for row in whole]


def test_the_model_says_that_its_lines_were_made_level(tmp_path: Path, base_model: Path) -> None:
    job = make_job(tmp_path / "run", base_model=base_model, **KEYS, straighten=True, cut="polygon")
    assert run(job) == ExitCode.OK
    saved = read_saved_epoch(job.out / "model/best_val/model.keras")
    assert saved is not None
    assert (saved.straighten, saved.cut) == (True, "polygon")


def test_the_first_way_stays_where_another_may_be_better_by_chance() -> None:
    from loghi_trainer.trials import choose, compare

    rng = random.Random(1)
    first = [rng.randrange(8) for _ in range(60)]
    by_chance = [max(edit + rng.choice((-3, 3)), 0) for edit in first]
    by_far = [edit // 2 for edit in first]

    assert choose(compare([read("loghi", first), read("straight", by_chance)])) == "loghi"
    rows = compare([read("loghi", first), read("straight", by_chance), read("polygon", by_far)])
    assert choose(rows) == "polygon"
    assert rows[0].gain is None
    assert rows[2].low is not None
    assert rows[2].low > 0


def test_few_lines_choose_nothing() -> None:
    from loghi_trainer.trials import choose, compare

    rows = compare([read("loghi", [9] * 9), read("straight", [0] * 9)])
    assert choose(rows) == "loghi"
    assert rows[1].gain is None


def test_only_lines_that_all_ways_have_are_compared() -> None:
    from loghi_trainer.trials import compare

    first, second = compare([read("loghi", [1] * 20 + [40] * 5), read("straight", [1] * 20)])
    assert (first.lines, first.val_cer) == (20, second.val_cer) == (20, 1 / 40)


@pytest.mark.parametrize("pages", [1, 12])
def test_the_interval_is_that_of_the_report(pages: int) -> None:
    """The host draws lines, or pages, again and again; the trainer has a formula for it."""
    from loghi_trainer.trials import gain_of

    rng = random.Random(2)
    before = [rng.randrange(12) for _ in range(120)]
    after = [max(edit - rng.randrange(-2, 4), 0) for edit in before]
    names = [f"page {number % pages}" for number in range(120)]
    drawn = gain_interval(*([ErrorCounts(edits=e, characters=40) for e in edits] for edits in (before, after)), names)
    gain, reach = gain_of(read("a", before, pages).lines, read("b", after, pages).lines)

    assert drawn is not None
    assert gain - reach == pytest.approx(drawn.low, abs=0.15 * reach)
    assert gain + reach == pytest.approx(drawn.high, abs=0.15 * reach)
