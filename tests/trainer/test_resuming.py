"""A training that goes on from its checkpoint ends as if nobody had interrupted it, bit for bit."""

import json
import os
import shutil
import signal
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from loghi_contract.checkpoint import CHECKPOINT_FILE, find_checkpoint
from loghi_contract.events import Device, Machine, Resumed, Started, Versions
from loghi_contract.exit_codes import ExitCode
from loghi_contract.places import LAST
from loghi_contract.saved_epoch import read_saved_epoch
from loghi_runner.runs.progress import Progress, read_events
from tests.trainer.forked import start_forked
from tests.trainer.made_jobs import JobFolder, alike_texts, make_job

pytest.importorskip("keras", reason="the trainer's packages are not installed")

pytestmark = pytest.mark.tf

CopyOf = Callable[..., JobFolder]

#: Dropout draws from a state of its own, frozen layers have none of the optimizer, a batch is divided into parts, and
#: each epoch mixes in other lines of the old hand.
KEYS: dict[str, Any] = {
    "vgsl": "None,None,32,1 Cr3,3,8 Mp2,2,2,2 Bn Cr3,3,8 Mp2,2,2,2 Bn Rc3 Bl16 D50 Fs92",
    "train": alike_texts(14, 1),
    "test": alike_texts(4, 3),
    "old_hand": alike_texts(12, 4),
    "training": {"epochs": 3, "freeze": ["conv"], "augmentation": "light", "learning_rate": 0.02},
}


def kill_before(epoch: int, step: int) -> None:
    """SIGKILL to this trainer when it begins a step; a checkpoint is written after every other."""
    from loghi_trainer import training_run

    training_run.LAST_EVERY_S = 0.0
    _signal_before(epoch, step, signal.SIGKILL)


def ask_to_stop_in(epoch: int, step: int) -> None:
    _signal_before(epoch, step, signal.SIGTERM)


def _signal_before(epoch: int, step: int, number: int) -> None:
    from loghi_trainer.training import Training

    rate_of = Training._learning_rate

    def _learning_rate(self: Training, *place: int) -> float:  # asked for before each step
        if place[:2] == (epoch, step):
            os.kill(os.getpid(), number)
        return rate_of(self, *place)

    Training._learning_rate = _learning_rate  # type: ignore[method-assign]


def fill_the_disk() -> None:
    import errno

    from loghi_trainer import checkpoint

    def _require_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    checkpoint._require_room = _require_room


def run(job: JobFolder, before: Callable[[], object] = int) -> int | None:
    process = start_forked(job, before)
    process.communicate()
    return process.returncode


def ask_to_resume(job: JobFolder, **training: Any) -> None:
    """What the host does before it starts the trainer again."""
    file = job.root / "in/job/job.json"
    told = json.loads(file.read_text()) | {"resume": True}
    told["training"] |= training
    file.write_text(json.dumps(told))
    (job.root / "stdout").unlink(missing_ok=True)


def table(job: JobFolder) -> list[tuple[Any, ...]]:
    rows = Progress.of(read_events(job.out / "events.jsonl")).epochs
    return [(row.epoch, row.train_loss, row.val_cer, row.val_wer, row.val_loss, row.lr, row.is_best) for row in rows]


def of_kind(job: JobFolder, kind: str) -> list[Any]:
    """As readers see them, who leave out a line that was cut off."""
    return [event.payload for event in read_events(job.out / "events.jsonl") if event.payload.kind == kind]


def state_of(job: JobFolder) -> dict[str, bytes]:
    """Weights, optimizer, random states, and the best model, as the last checkpoint has them."""
    with zipfile.ZipFile(find_checkpoint(job.out).file) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".npy")}


def lines_tables(job: JobFolder) -> list[str]:
    return [(job.out / "report" / f"{split}_lines.tsv").read_text() for split in ("val", "test")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """The run that nobody interrupts."""
    job = make_job(tmp_path_factory.mktemp("whole") / "run", **KEYS)
    assert run(job) == ExitCode.OK, (job.root / "stderr").read_text()
    return job


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """Killed in the middle of epoch 2, with a checkpoint of the step before."""
    job = make_job(tmp_path_factory.mktemp("killed") / "run", **KEYS)
    assert run(job, partial(kill_before, 2, 3)) == -signal.SIGKILL
    return job


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """Asked to stop in the middle of epoch 1."""
    job = make_job(tmp_path_factory.mktemp("stopped") / "run", **KEYS)
    assert run(job, partial(ask_to_stop_in, 1, 2)) == ExitCode.TERMINATED
    return job


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[JobFolder], JobFolder]:
    """A copy of a run, asked to go on."""

    def copied(job: JobFolder, **training: Any) -> JobFolder:
        shutil.copytree(job.root, tmp_path / "run", ignore=shutil.ignore_patterns("stdout"))
        ask_to_resume(JobFolder(tmp_path / "run"), **training)
        return JobFolder(tmp_path / "run")

    return copied


def require_same_end(job: JobFolder, whole: JobFolder) -> None:
    assert table(job) == table(whole)
    assert state_of(job) == state_of(whole)
    assert lines_tables(job) == lines_tables(whole)
    one, other = of_kind(job, "finished")[-1], of_kind(whole, "finished")[-1]
    assert (one.best_epoch, one.best_val_cer, one.status) == (other.best_epoch, other.best_val_cer, other.status)
    saved = read_saved_epoch(job.out / "model/best_val/model.keras")
    assert saved is not None
    assert (saved.epoch, saved.val_cer) == (other.best_epoch, other.best_val_cer)


def test_a_run_killed_in_the_middle_of_an_epoch_ends_as_one_that_was_not(
    killed: JobFolder, copy_of: CopyOf, whole: JobFolder
) -> None:
    job = copy_of(killed)

    assert run(job) == ExitCode.OK, (job.root / "stderr").read_text()
    assert of_kind(job, "resumed") == [Resumed(1, 2)]
    require_same_end(job, whole)
    assert [event.seq for event in job.events()] == list(range(len(job.events())))


def test_a_run_that_is_asked_to_stop_loses_no_step(stopped: JobFolder, copy_of: CopyOf, whole: JobFolder) -> None:
    job = copy_of(stopped)

    assert run(job) == ExitCode.OK
    assert of_kind(job, "resumed") == [Resumed(0, 2)]
    require_same_end(job, whole)


def test_after_a_power_cut_the_earlier_checkpoint_makes_model_and_table_whole(
    killed: JobFolder, copy_of: CopyOf, whole: JobFolder
) -> None:
    job = copy_of(killed)
    newest = job.out / LAST / CHECKPOINT_FILE
    os.truncate(newest, newest.stat().st_size - 1)
    saved = (path for path in (job.out / "model/best_val").rglob("*") if path.is_file())
    for file in (*saved, job.out / "events.jsonl"):
        os.truncate(file, file.stat().st_size // 2)

    assert run(job) == ExitCode.OK
    assert [notice.code for notice in of_kind(job, "warning")] == ["last.damaged"]
    assert of_kind(job, "resumed") == [Resumed(1, 1)]
    require_same_end(job, whole)


def test_without_room_for_a_checkpoint_the_training_goes_on_and_its_model_is_not_given_up(
    stopped: JobFolder, copy_of: CopyOf
) -> None:
    job = copy_of(stopped)
    assert run(job, fill_the_disk) == ExitCode.OK
    assert [notice.code for notice in of_kind(job, "warning")] == ["last.not_written"]
    best = read_saved_epoch(job.out / "model/best_val/model.keras")
    assert best is not None
    assert best.epoch > 0

    # it goes on from before that epoch
    ask_to_resume(job)
    assert run(job, partial(ask_to_stop_in, 1, 4)) == ExitCode.TERMINATED
    assert read_saved_epoch(job.out / "model/best_val/model.keras") == best
    assert of_kind(job, "finished")[-1].best_epoch == best.epoch


def test_scores_of_an_earlier_end_go_with_the_model_that_they_are_of(whole: JobFolder, copy_of: CopyOf) -> None:
    job = copy_of(whole, epochs=5)
    before = of_kind(job, "finished")[-1].best_epoch

    assert run(job, partial(ask_to_stop_in, 5, 1)) == ExitCode.TERMINATED
    saved = read_saved_epoch(job.out / "model/best_val/model.keras")
    assert saved is not None
    # nobody takes what an earlier best_val read for what this one reads
    for split in ("val", "test"):
        assert (job.out / f"report/{split}_lines.tsv").exists() == (saved.epoch == before)


def test_more_epochs_go_on_after_the_end(whole: JobFolder, copy_of: CopyOf) -> None:
    job = copy_of(whole, epochs=5)

    assert run(job) == ExitCode.OK
    rows = Progress.of(job.events()).epochs
    assert [row.epoch for row in rows] == [0, 1, 2, 3, 4, 5]
    # the curve of five epochs: the rate is higher again, and ends as low as that of three did
    assert rows[4].lr > rows[3].lr > 0
    assert rows[5].lr == pytest.approx(0.05 * 0.02, rel=0.3)


def test_another_version_device_or_number_of_cores_is_told_and_refuses_nothing() -> None:
    from loghi_trainer.resume import differences

    then = Started(
        Versions("0.1.0", "3.15.1", "tensorflow 2.21.0", None), Device("cpu", "CPU", None), 1, Machine("Xeon", 8, 4)
    )
    now = Started(
        Versions("0.2.0", "3.15.1", "tensorflow 2.21.0", None), Device("gpu", "H200", None), 2, Machine("Xeon", 4, 4)
    )

    assert list(differences(then, then)) == []
    told = list(differences(then, now))

    assert [notice.message for notice in told] == [
        "loghi-runner was 0.1.0 before the interruption, and is 0.2.0 now",
        "the device was CPU (cpu) before the interruption, and is H200 (gpu) now",
        "the number of cores was 8 before the interruption, and is 4 now",
    ]
    assert {notice.code for notice in told} == {"resume.elsewhere"}
