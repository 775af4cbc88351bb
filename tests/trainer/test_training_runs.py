"""Whole runs of the trainer as a process: what it says, what it leaves, how it ends."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from loghi_contract import events
from loghi_contract.exit_codes import ExitCode
from loghi_contract.language_model import count_ngrams, read_facts, read_ngrams
from loghi_contract.model_folder import inspect_model_folder
from loghi_contract.processor import processor_name
from loghi_runner.runs.results_of_run import epoch_table, weights_sha256
from tests.trainer.forked import START_FORKED, forking, start_forked
from tests.trainer.made_jobs import JobFolder, made_texts
from tests.trainer.made_jobs import make_job as write_job

pytest.importorskip("keras", reason="the trainer's packages are not installed")

pytestmark = pytest.mark.tf

MakeJob = Callable[..., JobFolder]
REPOSITORY = Path(__file__).parents[2]


def start(job: JobFolder) -> subprocess.Popen[bytes]:
    environment = os.environ | {"LOGHI_ROOT": str(job.root), "PYTHONPATH": str(REPOSITORY / "container")}
    with (job.root / "stderr").open("wb") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", "loghi_trainer"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )


def run_as_users_do(job: JobFolder) -> int:
    """What it says on standard output is in the file `stdout`."""
    process = start(job)
    (job.root / "stdout").write_bytes(process.communicate()[0])
    return process.returncode


def run(job: JobFolder) -> int:
    process = start_forked(job)
    process.communicate()
    return process.returncode


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A small model trained from scratch, the base model of the tests below."""
    job = write_job(
        tmp_path_factory.mktemp("trained") / "run",
        train=made_texts(150, 1),
        test=made_texts(12, 3),
        training={"epochs": 11, "batch_size": 4, "learning_rate": 0.005, "early_stopping": 11},
    )
    assert run_as_users_do(job) == ExitCode.OK, (job.root / "stderr").read_text()
    return job


def test_training_from_scratch_learns_to_read(trained: JobFolder) -> None:
    [before, after] = trained.of_kind("evaluation")

    assert after.cer < 0.5 * before.cer
    assert trained.of_kind("epoch")[0].epoch == 0


def test_what_the_best_epoch_read_on_the_validation_lines_is_kept(trained: JobFolder) -> None:
    header, *rows = [row.split("\t") for row in (trained.out / "report/val_lines.tsv").read_text().splitlines()]
    edits = sum(int(row[header.index("best_val_edits")]) for row in rows)
    characters = sum(len(row[header.index("text")]) for row in rows)

    [finished] = trained.of_kind("finished")
    assert edits / characters == pytest.approx(finished.best_val_cer)
    [first, *_] = trained.of_kind("epoch")
    before = sum(int(row[header.index("base_model_edits")]) for row in rows)
    assert before / characters == pytest.approx(first.val_cer)


def test_stdout_is_the_events_file_to_the_byte(trained: JobFolder) -> None:
    assert (trained.root / "stdout").read_bytes() == (trained.out / "events.jsonl").read_bytes()
    assert trained.events()[-1].payload.kind == "finished"
    assert [event.seq for event in trained.events()] == list(range(len(trained.events())))


def test_best_val_is_a_model_folder_of_loghi(trained: JobFolder) -> None:
    folder = trained.out / "model/best_val"
    facts = inspect_model_folder(folder)
    config = json.loads((folder / "config.json").read_text())

    assert sorted(path.name for path in folder.iterdir()) == [
        "charlist.txt",
        "config.json",
        "lm",
        "model.keras",
        "tokenizer.json",
    ]
    assert facts.name == config["model_name"] == "new_hand"
    assert config["model_channels"] == 1
    assert {"git_hash", "model", "uuid"} <= config.keys()
    assert str(trained.root) not in (folder / "config.json").read_text()


def test_a_language_model_of_the_training_texts_lies_beside_the_model(trained: JobFolder) -> None:
    folder = trained.out / "model/best_val"
    facts = read_facts(folder)
    assert facts is not None
    ngrams = read_ngrams(folder, facts)
    learnt = [row.split("\t")[-1] for row in (trained.root / "in/job/lists/train.txt").read_text().splitlines()]

    assert ngrams == count_ngrams(learnt, facts.order)
    assert [(source.name, source.lines) for source in facts.sources] == [("training lines", len(learnt))]
    assert facts.validation is None, "six lines do not tell whether it helps"
    [told] = trained.of_kind("language_model")
    assert (told.sources, told.validation) == (facts.sources, facts.validation)


def test_test_lines_are_read_with_the_language_model_too(trained: JobFolder) -> None:
    rows = [row.split("\t") for row in (trained.out / "report/test_lines.tsv").read_text().splitlines()]
    [after] = [score for score in trained.of_kind("evaluation") if score.model is events.Model.BEST]
    place = rows[0].index("best_val_lm_text")

    edits = sum(int(row[place + 1]) for row in rows[1:])
    assert after.lm_cer == pytest.approx(edits / sum(len(row[1]) for row in rows[1:]))


def test_every_epoch_has_a_validation_loss_that_falls(trained: JobFolder) -> None:
    losses = [row.val_loss for row in trained.of_kind("epoch")]

    assert losses[-1] < losses[0]


def test_saved_model_has_no_dead_optimizer_and_no_key_that_old_keras_refuses(trained: JobFolder) -> None:
    with zipfile.ZipFile(trained.out / "model/best_val/model.keras") as archive:
        config = archive.read("config.json").decode()
        weights = archive.read("model.weights.h5")

    for key in ("compile_config", "input_axes", "renorm", "quantization_config", "SideBySide"):
        assert key not in config
    assert b"optimizer" not in weights


def test_two_runs_with_one_seed_are_equal_bit_for_bit(make_job: MakeJob) -> None:
    """What `reproduce` promises on one type of processor and number of cores."""
    jobs = [make_job(name=name, training={"augmentation": "light", "learning_rate": 0.01}) for name in ("one", "two")]
    for job, run_job in zip(jobs, (run_as_users_do, run), strict=True):
        assert run_job(job) == ExitCode.OK

    tables = [epoch_table(job.of_kind("epoch")) for job in jobs]
    assert tables[0] == tables[1]
    assert len(tables[0]) == 3
    weights = [weights_sha256(job.out / "model/best_val/model.keras") for job in jobs]
    assert weights[0] == weights[1]
    [finished] = jobs[0].of_kind("finished")
    assert finished.best_epoch > 0, "the weights of the base model say nothing"
    [started] = jobs[0].of_kind("started")
    assert started.machine == events.Machine(processor_name(), len(os.sched_getaffinity(0)), started.machine.parts)


@pytest.mark.parametrize(("patience", "epochs_run", "status"), [(1, 1, "early_stopped"), (0, 3, "completed")])
def test_training_stops_after_so_many_epochs_without_gain_and_zero_means_never(
    make_job: MakeJob, trained: JobFolder, patience: int, epochs_run: int, status: str
) -> None:
    """A learning rate of next to nothing, and frozen batch normalisation, change no text: no epoch is better."""
    job = make_job(
        base_model=trained.out / "model/best_val",
        training={"epochs": 3, "early_stopping": patience, "learning_rate": 1e-9, "freeze": ["conv"]},
    )

    assert run(job) == ExitCode.OK

    assert job.of_kind("epoch")[-1].epoch == epochs_run
    [finished] = job.of_kind("finished")
    assert (finished.status, finished.best_epoch) == (status, 0)


@pytest.fixture(scope="module")
def fine_tuned(trained: JobFolder, tmp_path_factory: pytest.TempPathFactory) -> tuple[JobFolder, dict[str, bytes]]:
    """A fine-tuning with a new letter and an image that is none, and the files of its base model before it."""
    base_model = trained.out / "model/best_val"
    before = contents(base_model)
    folder = tmp_path_factory.mktemp("fine_tuned") / "run"
    job = write_job(folder, base_model=base_model, train=made_texts(24, 4, "abcdð"), val=made_texts(6, 5, "abcð"))
    (job.root / "in/data/0/train 3.png").write_bytes(b"no image")
    assert run(job) == ExitCode.OK, (job.root / "stderr").read_text()
    return job, before


def test_fine_tuning_adds_new_letters_and_names_them(
    trained: JobFolder, fine_tuned: tuple[JobFolder, dict[str, bytes]]
) -> None:
    job, before = fine_tuned

    [charset] = job.of_kind("charset")
    assert charset.added == ("ð",)
    assert inspect_model_folder(job.out / "model/best_val").tokenizer.characters[-1] == "ð"
    assert contents(trained.out / "model/best_val") == before


def test_policy_fail_ends_with_the_data_exit_code(make_job: MakeJob, trained: JobFolder) -> None:
    job = make_job(base_model=trained.out / "model/best_val", train=["ðð", "ab"], charset="fail")

    assert run(job) == ExitCode.DATA

    [failed] = job.of_kind("failed")
    assert failed.code == "charset.unknown_characters"
    assert "ð" in failed.message
    assert "Traceback" in (job.out / failed.traceback_file).read_text()


def test_unreadable_images_are_skipped_counted_and_listed(fine_tuned: tuple[JobFolder, dict[str, bytes]]) -> None:
    job, _ = fine_tuned

    summary = next(s for s in job.of_kind("data_summary") if s.split == "train")
    assert summary.skipped == {"unreadable_image": 1}
    assert "train 3.png" in (job.out / "report/skipped_lines.tsv").read_text()


def test_run_with_no_usable_line_is_refused(make_job: MakeJob, trained: JobFolder) -> None:
    job = make_job(base_model=trained.out / "model/best_val", train=["a"])
    (job.root / "in/data/0/train 0.png").write_bytes(b"")

    assert run(job) == ExitCode.DATA
    assert job.of_kind("failed")[0].code == "data.no_lines"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED),
        (signal.SIGTERM, ExitCode.TERMINATED),
        (signal.SIGHUP, ExitCode.TERMINATED),
    ],
)
def test_a_signal_ends_the_run_after_the_step_and_keeps_best_val(
    make_job: MakeJob, trained: JobFolder, number: signal.Signals, code: ExitCode
) -> None:
    job = make_job(base_model=trained.out / "model/best_val", training={"epochs": 500, "early_stopping": 500})
    process = start_forked(job)
    assert process.stdout is not None
    for line in process.stdout:
        if b'"kind":"step"' in line:
            process.send_signal(number)
            break
    process.communicate()

    assert process.returncode == code
    assert job.of_kind("finished")[0].status == "cancelled"
    assert inspect_model_folder(job.out / "model/best_val").classes > 3


def test_stopped_training_never_leaves_a_half_written_model(make_job: MakeJob, trained: JobFolder) -> None:
    job = make_job(base_model=trained.out / "model/best_val", training={"epochs": 500, "early_stopping": 500})
    process = start_forked(job)
    assert process.stdout is not None
    for line in process.stdout:
        if b'"kind":"checkpoint"' in line:
            process.kill()
            break
    process.communicate()

    assert process.returncode == -signal.SIGKILL
    inspect_model_folder(job.out / "model/best_val")


def test_job_of_another_contract_is_refused(make_job: MakeJob) -> None:
    job = make_job(contract=99)

    assert run_as_users_do(job) == ExitCode.CONTRACT
    assert job.of_kind("failed")[0].code == "job.contract"


def test_unknown_key_in_the_job_is_refused(make_job: MakeJob) -> None:
    job = make_job(surprise=1)

    assert run_as_users_do(job) == ExitCode.CONTRACT
    assert "surprise" in job.of_kind("failed")[0].message


def test_gpu_asked_for_and_absent_is_an_engine_error_not_a_cpu_run(make_job: MakeJob) -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU, so one that is asked for is there")
    job = make_job(device="gpu")

    assert run(job) == ExitCode.ENGINE
    assert job.of_kind("failed")[0].code == "device.no_gpu"


def test_full_disk_fails_with_the_engine_exit_code_and_keeps_what_was_saved(
    make_job: MakeJob, trained: JobFolder
) -> None:
    """A file size limit stands in for the full disk: writing fails with the same kind of error."""
    job = make_job(base_model=trained.out / "model/best_val")
    limited = ["bash", "-c", f"ulimit -f 20; trap '' XFSZ; exec {sys.executable} {START_FORKED}"]
    environment = os.environ | forking() | {"LOGHI_ROOT": str(job.root)}

    ended = subprocess.run(limited, env=environment, capture_output=True, check=False)

    assert ended.returncode == ExitCode.ENGINE
    assert job.of_kind("failed")[0].code == "storage.cannot_save"
    assert not (job.out / "model/best_val/model.keras").exists()
    assert not list((job.out / "model/best_val").glob(".*"))
