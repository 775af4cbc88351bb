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
from loghi_contract.exit_codes import ExitCode
from loghi_contract.places import LAST
from loghi_contract.saved_epoch import read_saved_epoch
from loghi_runner.runs.progress import Progress
from tests.trainer.forked import ForkedTrainer
from tests.trainer.made_jobs import JobFolder, alike_texts, make_job

pytest.importorskip("keras", reason="the trainer's packages are not installed")

pytestmark = pytest.mark.tf

MakeJob = Callable[..., JobFolder]

#: Dropout draws from a state of its own, frozen layers have none of the optimizer, and a batch is divided into parts.
KEYS: dict[str, Any] = {
    "vgsl": "None,None,32,1 Cr3,3,8 Mp2,2,2,2 Bn Cr3,3,8 Mp2,2,2,2 Bn Rc3 Bl16 D50 Fs92",
    "train": alike_texts(14, 1),
    "test": alike_texts(4, 3),
    "training": {"epochs": 3, "freeze": ["conv"], "augmentation": "light", "learning_rate": 0.02},
}


def kill_before(epoch: int, step: int) -> None:
    """SIGKILL to this trainer when it begins a step; a checkpoint is written after every other."""
    from loghi_trainer import train
    from loghi_trainer.training import Training

    train.LAST_EVERY_S = 0.0
    take = Training._step

    def _step(self: Training, batch: Any) -> float:
        if (self.position.epoch + 1, self.position.step + 1) == (epoch, step):
            os.kill(os.getpid(), signal.SIGKILL)
        return take(self, batch)

    Training._step = _step  # type: ignore[method-assign]


def ask_to_stop_in(epoch: int, step: int) -> None:
    from loghi_trainer.training import Training

    take = Training._step

    def _step(self: Training, batch: Any) -> float:
        if (self.position.epoch + 1, self.position.step + 1) == (epoch, step):
            os.kill(os.getpid(), signal.SIGTERM)
        return take(self, batch)

    Training._step = _step  # type: ignore[method-assign]


def fill_the_disk() -> None:
    import errno

    from loghi_trainer import checkpoint

    def _require_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    checkpoint._require_room = _require_room


def run(job: JobFolder, before: Callable[[], object] = int) -> int | None:
    process = ForkedTrainer(job, before)
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
    rows = Progress.of(job.events()).epochs
    return [(row.epoch, row.train_loss, row.val_cer, row.val_wer, row.val_loss, row.lr, row.is_best) for row in rows]


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


@pytest.fixture
def copy(killed: JobFolder, tmp_path: Path) -> JobFolder:
    shutil.copytree(killed.root, tmp_path / "run", ignore=shutil.ignore_patterns("stdout"))
    job = JobFolder(tmp_path / "run")
    ask_to_resume(job)
    return job


def require_same_end(job: JobFolder, whole: JobFolder) -> None:
    assert table(job) == table(whole)
    assert state_of(job) == state_of(whole)
    assert lines_tables(job) == lines_tables(whole)
    [one], [other] = job.of_kind("finished")[-1:], whole.of_kind("finished")
    assert (one.best_epoch, one.best_val_cer, one.status) == (other.best_epoch, other.best_val_cer, other.status)
    saved = read_saved_epoch(job.out / "model/best_val/model.keras")
    assert saved is not None
    assert (saved.epoch, saved.val_cer) == (other.best_epoch, other.best_val_cer)


def test_a_run_killed_in_the_middle_of_an_epoch_ends_as_one_that_was_not(copy: JobFolder, whole: JobFolder) -> None:
    assert run(copy) == ExitCode.OK, (copy.root / "stderr").read_text()

    [resumed] = copy.of_kind("resumed")
    assert (resumed.epoch, resumed.step) == (1, 2)
    require_same_end(copy, whole)
    assert [event.seq for event in copy.events()] == list(range(len(copy.events())))


def test_a_run_that_is_asked_to_stop_loses_no_step(make_job: MakeJob, whole: JobFolder) -> None:
    job = make_job(**KEYS)
    assert run(job, partial(ask_to_stop_in, 2, 2)) == ExitCode.TERMINATED
    ask_to_resume(job)

    assert run(job) == ExitCode.OK
    [resumed] = job.of_kind("resumed")
    assert (resumed.epoch, resumed.step) == (1, 2)
    require_same_end(job, whole)


def test_of_a_damaged_checkpoint_the_one_before_it_is_taken_and_a_damaged_model_is_made_whole(
    copy: JobFolder, whole: JobFolder
) -> None:
    newest = copy.out / LAST / CHECKPOINT_FILE
    os.truncate(newest, newest.stat().st_size - 1)
    for file in (path for path in (copy.out / "model/best_val").rglob("*") if path.is_file()):
        os.truncate(file, file.stat().st_size // 2)

    assert run(copy) == ExitCode.OK
    assert [notice.code for notice in copy.of_kind("warning")] == ["last.damaged"]
    [resumed] = copy.of_kind("resumed")
    assert (resumed.epoch, resumed.step) == (1, 1)
    require_same_end(copy, whole)


def test_another_network_is_refused(copy: JobFolder) -> None:
    file = copy.root / "in/job/job.json"
    file.write_text(file.read_text().replace("Bl16", "Bl24"))

    assert run(copy) == ExitCode.DATA
    [failed] = copy.of_kind("failed")
    assert failed.code == "resume.other_network"


def test_without_room_for_a_checkpoint_the_training_goes_on_and_its_model_is_not_given_up(
    make_job: MakeJob, whole: JobFolder
) -> None:
    """The run goes on from before what was won meanwhile: the better model stays until it is reached again."""
    job = make_job(**KEYS)
    assert run(job, partial(ask_to_stop_in, 1, 2)) == ExitCode.TERMINATED
    ask_to_resume(job)
    assert run(job, fill_the_disk) == ExitCode.OK
    [notice] = job.of_kind("warning")
    assert notice.code == "last.not_written"
    best = read_saved_epoch(job.out / "model/best_val/model.keras")
    assert best is not None
    assert best.epoch > 0

    ask_to_resume(job)
    assert run(job, partial(ask_to_stop_in, 1, 4)) == ExitCode.TERMINATED
    assert read_saved_epoch(job.out / "model/best_val/model.keras") == best
    assert job.of_kind("finished")[-1].best_epoch == best.epoch

    ask_to_resume(job)
    assert run(job) == ExitCode.OK
    assert state_of(job) == state_of(whole)
    assert lines_tables(job) == lines_tables(whole)


def test_more_epochs_go_on_after_the_end(whole: JobFolder, tmp_path: Path) -> None:
    shutil.copytree(whole.root, tmp_path / "run", ignore=shutil.ignore_patterns("stdout"))
    job = JobFolder(tmp_path / "run")
    ask_to_resume(job, epochs=5, early_stopping=2)

    assert run(job) == ExitCode.OK
    rows = Progress.of(job.events()).epochs
    assert [row.epoch for row in rows] == [0, 1, 2, 3, 4, 5]
    # the curve of five epochs: the rate is higher again, and ends as low as that of three did
    assert rows[4].lr > rows[3].lr > 0
    assert rows[5].lr == pytest.approx(0.05 * 0.02, rel=0.3)
