"""Whole runs with the stand-in trainer: how each end is told, kept in run.json, and turned into an exit code."""

import errno
import json
from pathlib import Path

import psutil
import pytest

from loghi_runner.engines.gpus import Card, Cards
from loghi_runner.engines.local import LocalEngine
from loghi_runner.errors import EngineError
from loghi_runner.files import write_atomically
from tests.integration.conftest import FAKE_TRAINER


@pytest.fixture
def no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    none = Cards((), "this machine has no NVIDIA driver")
    monkeypatch.setattr("loghi_runner.engines.nvml.list_cards", lambda: none)


def test_a_finished_run_ends_with_its_model_and_the_next_command(workplace) -> None:
    result = workplace.finetune()
    assert result.returncode == 0, result.stderr
    model = workplace.run_dir / "out" / "model" / "best_val"
    run = f"runs/{workplace.run_dir.name}"
    assert result.stdout.splitlines() == [
        "finished: best CER 9.8 % (epoch 2 of 75)",
        "  verdict  CER on 6 validation lines: 31.2 % before, 9.8 % after. These lines also chose the model: "
        "give data.test for a score that chose nothing",
        f"  model    {run}/out/model/best_val",
        f"  report   {run}/out/report/report.html",
        f"  next     loghi-runner export {run} DIR",
        f"           HTRLOGHIMODEL={model}",
    ]
    record = workplace.record()
    assert (record["state"], record["exit_code"], record["best_epoch"]) == ("finished", 0, 2)
    assert (workplace.run_dir / "config.yaml").read_bytes() == workplace.config.read_bytes()


def test_without_a_terminal_each_epoch_is_one_plain_line(workplace) -> None:
    result = workplace.finetune()
    assert "\r" not in result.stderr and "\x1b" not in result.stderr
    epochs = [line for line in result.stderr.splitlines() if line.startswith("epoch")]
    assert epochs[:2] == [
        "epoch 0 (before training): CER 31.2 %, WER 93.6 %",
        "epoch 1 of 75: CER 20.0 % (best), WER 60.0 %, loss 50.00, 0:02, about 1:51 left",
    ]
    assert len(epochs) == 4


def test_scores_on_test_lines_are_the_verdict(workplace) -> None:
    data = workplace.folder / "data"
    lines = (data / "val.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    (data / "val.txt").write_text("".join(lines[:3]), encoding="utf-8")
    (data / "test.txt").write_text("".join(lines[3:]), encoding="utf-8")
    result = workplace.finetune("--set", "data.test=data/test.txt")
    assert "  verdict  CER on 5 test lines: 35.0 % before, 11.0 % after" in result.stdout.splitlines()


def test_a_run_that_never_got_better_says_keep_the_base_model(workplace) -> None:
    workplace.scenario = "early_stop"
    result = workplace.finetune()
    assert result.returncode == 0
    assert result.stdout.startswith("finished early, no further gain: best CER 5.0 % (epoch 0 of 75)\n")
    assert "no epoch was better than the base model: keep the base model" in result.stdout


def test_lines_skipped_by_host_and_trainer_are_counted_together(workplace) -> None:
    with (workplace.folder / "data" / "train.txt").open("a", encoding="utf-8") as file:
        file.write("train/page_0/line_0.png\t\n")
    workplace.scenario = "skips"
    result = workplace.finetune()
    assert result.stdout.splitlines()[0].endswith("(epoch 2 of 75), 2 lines skipped")
    table = (workplace.run_dir / "out" / "report" / "skipped_lines.tsv").read_text(encoding="utf-8").splitlines()
    assert table[0] == "split\twhere\timage\ttext\treason\tdetail"
    assert [row.split("\t")[4] for row in table[1:]] == ["empty_text", "text_too_long"]


def test_a_failure_the_trainer_explains_is_passed_on_whole(workplace) -> None:
    workplace.scenario = "failed"
    result = workplace.finetune()
    assert result.returncode == 3
    assert result.stderr.splitlines()[-3:] == [
        "error: no line is left",
        "where: train.txt",
        "fix: Look at the list. The details are in out/traceback.txt.",
    ]
    assert workplace.record()["error"]["code"] == "data.no_lines"


@pytest.mark.parametrize(
    ("scenario", "exit_code", "code", "says"),
    [
        ("crash", 1, "trainer.ended", "exit code 1 and no explanation; best_val of epoch 0 is kept"),
        ("disk_full", 4, "storage.disk_full", "the disk filled up during training"),
        ("killed", 4, "memory.out_of_memory", "memory ran out; best_val of epoch 0 is kept"),
        ("silent_end", 1, "trainer.no_last_event", "ended without saying how"),
        ("torn_line", 1, "trainer.ended", "best_val of epoch 0 is kept"),
    ],
)
def test_a_trainer_without_a_last_word_is_concluded_from_its_end(
    workplace, scenario: str, exit_code: int, code: str, says: str
) -> None:
    workplace.scenario = scenario
    result = workplace.finetune()
    assert result.returncode == exit_code, result.stderr
    assert says in result.stderr
    record = workplace.record()
    assert (record["state"], record["error"]["code"], record["exit_code"]) == ("failed", code, exit_code)


def test_what_a_crashed_trainer_printed_can_be_read(workplace) -> None:
    workplace.scenario = "crash"
    workplace.finetune()
    log = workplace.run("logs", "last", "--console")
    assert "RuntimeError: a fault nobody thought of" in log.stdout


def test_events_that_arrive_in_pieces_are_read_whole(workplace) -> None:
    workplace.scenario = "slow_writer"
    result = workplace.finetune()
    assert result.returncode == 0
    assert "new: ð þ œ" in result.stderr


def test_kinds_of_a_newer_trainer_are_left_out(workplace) -> None:
    workplace.scenario = "newer_trainer"
    result = workplace.finetune("--json")
    assert result.returncode == 0
    assert "energy" not in {json.loads(line)["kind"] for line in result.stdout.splitlines()}


def test_json_is_one_object_a_line_and_nothing_else(workplace) -> None:
    result = workplace.finetune("--json")
    values = [json.loads(line) for line in result.stdout.splitlines()]
    kinds = [value["kind"] for value in values]
    assert kinds[:2] == ["plan", "run"]
    assert kinds[-2:] == ["finished", "run_record"]
    events = (workplace.run_dir / "out" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert values[2:-1] == [json.loads(line) for line in events]
    assert values[-1]["model"] == str(workplace.run_dir / "out" / "model" / "best_val")


def test_a_failed_run_tells_json_readers_the_same(workplace) -> None:
    workplace.scenario = "disk_full"
    result = workplace.finetune("--json")
    last = json.loads(result.stdout.splitlines()[-1])
    assert result.returncode == last["exit_code"] == last["error"]["exit_code"] == 4


def test_a_dry_run_touches_nothing(workplace) -> None:
    before = sorted(workplace.folder.rglob("*"))
    result = workplace.finetune("--dry-run")
    assert result.returncode == 0
    assert sorted(workplace.folder.rglob("*")) == before
    assert "  training    24 lines" in result.stdout
    assert "/in/data/0" in result.stdout


def test_a_dry_run_without_an_engine_still_shows_the_lines(workplace, no_cards) -> None:
    result = workplace.run("finetune", "config.yaml", "--dry-run", "--set", "engine.gpus=2")
    assert result.returncode == 4
    assert "  training    24 lines" in result.stdout
    assert "the config asks for 2 graphics cards, this machine has none" in result.stderr


def test_a_dry_run_tells_of_the_engine_and_of_the_data_at_once(workplace, no_cards) -> None:
    (workplace.folder / "data" / "val.txt").unlink()
    result = workplace.run("finetune", "config.yaml", "--dry-run", "--set", "engine.gpus=2")
    assert result.returncode == 3
    assert "error: the config asks for 2 graphics cards, this machine has none\n  where:  engine.gpus" in result.stdout
    assert "error: the line list data/val.txt does not exist" in result.stdout
    assert "2 problems to solve first; nothing was started" in result.stderr


@pytest.mark.parametrize(
    ("setting", "exit_code", "says"),
    [
        ("engine.kind=docker", 4, "error: no Docker daemon answers on this machine\n"),
        ("engine.gpus=1", 4, "error: the config asks for a graphics card, this machine has none\n"),
        ("engine.gpus=[GPU-foo]", 4, "error: the card GPU-foo is not in this machine\n"),
        ("base_model=nowhere", 3, "error: there is no folder "),
        ("base_model=data", 3, "error: there is no model.keras in "),
        ("data.train=data/trian.txt", 3, "error: the line list data/trian.txt does not exist\n"),
        ("data.validation=data/train.txt", 3, "error: all 24 validation images are also training images"),
        ("output=data/train", 2, "where the line images are\n"),
        ("output=config.yaml", 2, "is a file, so no runs can be written below it\n"),
        ("name=a/b", 2, "Write `name: a_b`."),
        ("training.epoch=3", 2, "Did you mean epochs?"),
    ],
)
def test_a_run_that_cannot_work_is_refused_and_leaves_nothing(
    workplace, monkeypatch, no_cards, setting: str, exit_code: int, says: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{workplace.folder}/no.sock")
    before = sorted(workplace.folder.rglob("*"))
    result = workplace.finetune("--set", setting)
    assert result.returncode == exit_code, result.stderr
    assert says in result.stderr
    assert "fix: " in result.stderr or "Write `" in result.stderr or "Did you mean" in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(workplace.folder.rglob("*")) == before


def test_error_findings_stop_the_run_before_anything_is_written(workplace) -> None:
    (workplace.folder / "data" / "val.txt").unlink()
    result = workplace.finetune()
    assert result.returncode == 3
    assert "nothing was started" in result.stderr
    assert not (workplace.folder / "runs").exists()


def test_a_run_folder_can_be_moved(workplace) -> None:
    workplace.finetune()
    elsewhere = workplace.folder / "archive" / "a run with blanks"
    elsewhere.parent.mkdir()
    workplace.run_dir.rename(elsewhere)
    result = workplace.run("show", str(elsewhere))
    assert result.returncode == 0
    assert "finished: best CER 9.8 % (epoch 2 of 75)" in result.stdout
    assert "export 'archive/a run with blanks' DIR" in result.stdout
    assert f"HTRLOGHIMODEL='{elsewhere}/out/model/best_val'" in result.stdout


def test_overrides_are_recorded(workplace) -> None:
    workplace.finetune("--set", "training.epochs=2")
    assert workplace.record()["overrides"] == ["training.epochs=2"]
    job = json.loads((workplace.run_dir / "in" / "job.json").read_text(encoding="utf-8"))
    assert job["training"]["epochs"] == 2


def test_an_unwritable_output_starts_nothing(workplace) -> None:
    (workplace.folder / "runs").write_text("a file where the output should be", encoding="utf-8")
    result = workplace.finetune()
    assert result.returncode == 2
    assert f"error: {workplace.folder}/runs is a file, so no runs can be written below it\n" in result.stderr
    assert (workplace.folder / "runs").read_text(encoding="utf-8").startswith("a file")


def fill_the_disk(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """run.json can be written so many times and no more."""
    writes = []

    def write(path: Path, text: str) -> None:
        writes.append(path)
        if len(writes) > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_atomically(path, text)

    monkeypatch.setattr("loghi_runner.runs.folder.write_atomically", write)


def test_a_disk_that_fills_up_is_named_even_when_the_trainer_could_not_say_so(workplace, monkeypatch) -> None:
    workplace.scenario = "torn_line"
    with monkeypatch.context() as patch:
        fill_the_disk(patch, after=2)
        result = workplace.finetune()
    assert result.returncode == 4
    assert "error: the disk filled up during training; best_val of epoch 0 is kept\n" in result.stderr
    assert "fault in loghi-runner" not in result.stderr
    assert workplace.run("show", "last").returncode == 0


def test_a_finished_run_is_told_to_its_end_on_a_full_disk(workplace, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        fill_the_disk(patch, after=2)
        result = workplace.finetune()
    assert result.returncode == 0
    assert "run.json cannot be written: no space is left on the disk" in result.stderr
    assert "HTRLOGHIMODEL=" in result.stdout


def test_a_trainer_that_nobody_could_find_again_is_not_left_running(workplace, monkeypatch) -> None:
    workplace.scenario = "never_stops"
    fill_the_disk(monkeypatch, after=1)
    result = workplace.finetune()
    assert result.returncode == 4
    assert "the run folder cannot be written: no space is left on the disk" in result.stderr
    children = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    assert not [child for child in children if str(FAKE_TRAINER) in child.cmdline()]


def test_a_daemon_that_goes_away_at_the_end_does_not_take_the_verdict_along(workplace, monkeypatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise EngineError("engine.docker_unreachable", "the Docker daemon does not answer")

    monkeypatch.setattr(LocalEngine, "clean_up", refuse)
    result = workplace.finetune()
    assert result.returncode == 0
    assert (workplace.record()["state"], workplace.record()["kept"]) == ("finished", True)


def test_the_trainer_lists_hold_container_paths_only(workplace) -> None:
    workplace.finetune()
    lists: Path = workplace.run_dir / "in" / "lists"
    for listed in ("train.txt", "val.txt"):
        rows = (lists / listed).read_text(encoding="utf-8").splitlines()
        assert all(row.startswith("/in/data/") for row in rows)


def test_a_run_on_a_card_keeps_which_one_its_driver_and_what_it_took(workplace, monkeypatch) -> None:
    card = Card("GPU-1", "H100", 80_000, 79_000, 0, capability=(9, 0))
    monkeypatch.setattr("loghi_runner.engines.nvml.list_cards", lambda: Cards((card,), "", "570.1"))
    # of everything since the driver was loaded
    readings = iter([5000.0, 8600.5])
    monkeypatch.setattr("loghi_runner.runs.run_trainer.energy_j", lambda _uuids: next(readings))
    assert workplace.finetune("--set", "engine.gpus=1").returncode == 0

    record = workplace.record()
    assert record["cards"] == [{"name": "H100", "capability": "9.0"}]
    assert (record["driver"], record["energy_j"]) == ("570.1", 3600.5)
