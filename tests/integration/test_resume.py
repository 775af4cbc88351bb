"""A run goes on in its own folder, and is refused in words where it would become another run."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from loghi_contract.checkpoint import CHECKPOINT_FILE, EARLIER_FILE
from loghi_contract.exit_codes import ExitCode
from loghi_runner.finetuning import take_turn
from tests.integration.conftest import Result, Workplace, read_until

TRAINER = Path(__file__).parents[1] / "resuming_trainer.py"


@pytest.fixture
def interrupted(workplace: Workplace) -> Workplace:
    """A run of three epochs whose trainer was killed in the second."""
    workplace.trainer, workplace.scenario = TRAINER, "dies_once"
    with workplace.config.open("a") as file:
        file.write("training: {epochs: 3}\n")
    assert workplace.finetune().returncode == ExitCode.ENGINE
    return workplace


def resume(place: Workplace, *arguments: str) -> Result:
    return place.run("resume", str(place.run_dir), *arguments)


def shown(place: Workplace) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(place.run("show", str(place.run_dir), "--json").stdout)
    return value


def require_refused(place: Workplace, code: str, exit_code: ExitCode, *arguments: str) -> str:
    """The refusal in words; the run is as it was."""
    before = place.record()
    told = json.loads(resume(place, *arguments, "--json").stdout.splitlines()[-1])
    assert (told["code"], told["exit_code"]) == (code, exit_code)
    assert place.record() == before
    answer = resume(place, *arguments)
    assert answer.returncode == exit_code
    assert "Traceback" not in answer.stderr
    return " ".join(answer.stderr.split())


def test_it_goes_on_in_its_own_folder_to_one_table_and_one_end(interrupted: Workplace) -> None:
    assert f"loghi-runner resume runs/{interrupted.run_dir.name}" in interrupted.run("show", "last").stdout

    answer = resume(interrupted)

    assert answer.returncode == ExitCode.OK, answer.stderr
    assert "goes on after epoch 1" in answer.stderr
    look = shown(interrupted)
    assert (look["state"], look["exit_code"], look["error"]) == ("finished", 0, None)
    assert [row["epoch"] for row in look["epochs"]] == [0, 1, 2, 3]
    assert [each["engine"] for each in look["resumptions"]] == ["local"]
    assert (interrupted.run_dir / "console.1.log").exists()
    assert "resumed" in (interrupted.run_dir / "out/report/report.html").read_text()
    log = interrupted.run("logs", "last", "--steps").stdout
    assert log.count("epoch 2, step 1 of 3") == 1
    assert interrupted.run("resume", "last").returncode == ExitCode.USAGE


def test_a_finished_run_goes_on_after_its_end_with_more_epochs(interrupted: Workplace) -> None:
    assert resume(interrupted).returncode == ExitCode.OK
    told = require_refused(interrupted, "resume.finished", ExitCode.USAGE)
    assert "--epochs +10" in told
    require_refused(interrupted, "resume.epochs", ExitCode.USAGE, "--epochs", "3")
    assert f"loghi-runner resume runs/{interrupted.run_dir.name} --epochs +10" in told
    require_refused(interrupted, "resume.epochs", ExitCode.USAGE, "--epochs", "+many")
    for many in ("10001", "99999999", "+9998"):
        told = require_refused(interrupted, "resume.epochs", ExitCode.USAGE, "--epochs", many)
        assert "more than the 10000 epochs that a run can have" in told

    answer = resume(interrupted, "--epochs", "+2")

    assert answer.returncode == ExitCode.OK, answer.stderr
    assert "5 epochs in place of 3: the learning rate" in " ".join(answer.stderr.split())
    assert f"run {interrupted.run_dir.name} goes on; Ctrl+C ends it" in answer.stderr
    assert "planned  5 epochs in place of 3" in interrupted.run("show", "last").stdout
    look = shown(interrupted)
    assert ([row["epoch"] for row in look["epochs"]], look["state"]) == ([0, 1, 2, 3, 4, 5], "finished")
    assert look["epochs"][-1]["epochs"] == 5


def test_a_run_of_folds_has_no_more_epochs(interrupted: Workplace) -> None:
    job = interrupted.run_dir / "in/job.json"
    job.write_text(json.dumps(json.loads(job.read_text()) | {"folds": [["/in/data/0/a.png"], ["/in/data/0/b.png"]]}))
    told = require_refused(interrupted, "resume.folds", ExitCode.USAGE, "--epochs", "+2")
    assert "they have found how many are best" in told


def test_a_finished_run_that_cannot_be_started_again_stays_finished(interrupted: Workplace) -> None:
    assert resume(interrupted).returncode == ExitCode.OK
    (interrupted.run_dir / "places").write_text("in the way")  # the engine cannot lay out the folders

    before, job = interrupted.record(), (interrupted.run_dir / "in/job.json").read_bytes()
    answer = resume(interrupted, "--epochs", "+2")

    assert answer.returncode == ExitCode.ENGINE
    assert interrupted.record() == before
    assert (interrupted.run_dir / "in/job.json").read_bytes() == job


def test_killed_before_its_first_word_it_is_not_told_as_finished_and_goes_on(interrupted: Workplace) -> None:
    assert resume(interrupted).returncode == ExitCode.OK
    interrupted.scenario = "dies_again"
    assert resume(interrupted, "--epochs", "4").returncode != ExitCode.OK

    look = shown(interrupted)
    assert (look["state"], look["status"], look["best_val_cer"]) == ("failed", None, pytest.approx(0.2 / 3))

    interrupted.scenario = "dies_once"
    assert resume(interrupted).returncode == ExitCode.OK
    assert [row["epoch"] for row in shown(interrupted)["epochs"]] == [0, 1, 2, 3, 4]


def test_a_run_without_a_checkpoint_says_how_to_begin_anew(workplace: Workplace) -> None:
    workplace.scenario = "killed"
    assert workplace.finetune().returncode != ExitCode.OK

    told = require_refused(workplace, "resume.none", ExitCode.USAGE)
    assert "loghi-runner finetune" in told


def test_with_a_damaged_checkpoint_alone_it_says_so(interrupted: Workplace) -> None:
    file = interrupted.run_dir / "out/last" / CHECKPOINT_FILE
    os.truncate(file, file.stat().st_size - 1)

    require_refused(interrupted, "resume.damaged", ExitCode.DATA)
    looked = interrupted.run("show", "last").stdout
    assert "no checkpoint of it is whole" in looked
    assert "loghi-runner resume" not in looked


def test_a_damaged_checkpoint_before_which_one_is_whole_is_told(interrupted: Workplace) -> None:
    file = interrupted.run_dir / "out/last" / CHECKPOINT_FILE
    shutil.copy(file, file.with_name(EARLIER_FILE))
    os.truncate(file, file.stat().st_size - 1)

    looked = interrupted.run("show", "last").stdout
    assert "the newest is damaged, the one before it is whole" in looked
    assert "loghi-runner resume" in looked


def test_another_base_model_is_refused(interrupted: Workplace) -> None:
    with (interrupted.folder / "base/model.keras").open("ab") as file:
        file.write(b"\0")

    told = require_refused(interrupted, "run.made_of_other", ExitCode.DATA)
    assert "base model" in told


@pytest.mark.parametrize("what", ["image", "text", "gone"])
def test_changed_lines_are_refused(interrupted: Workplace, what: str) -> None:
    image = interrupted.folder / "data/val/page_0/line_0.png"
    if what == "image":
        Image.new("L", (300, 64), color=7).save(image)
    elif what == "gone":
        image.unlink()
    else:
        listed = interrupted.run_dir / "in/lists/val.txt"
        listed.write_text(listed.read_text().replace("tekst", "text", 1))

    told = require_refused(interrupted, "run.made_of_other", ExitCode.DATA)
    words = {"image": "a line image is not what it was", "gone": "a line image is gone", "text": "validation lines"}
    assert words[what] in told


def test_another_contract_is_refused(interrupted: Workplace) -> None:
    file = interrupted.run_dir / "run.json"
    file.write_text(file.read_text().replace('"contract": "1"', '"contract": "0"'))

    require_refused(interrupted, "resume.contract", ExitCode.CONTRACT)


def test_on_another_machine_the_places_are_given_anew(interrupted: Workplace, tmp_path: Path) -> None:
    """The folder is copied, and what it was made of lies elsewhere."""
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("data", "base"):
        shutil.move(interrupted.folder / name, moved / name)
    told = require_refused(interrupted, "run.gone", ExitCode.DATA)
    assert f"--moved {interrupted.folder}/base=NEW_PLACE" in told.replace(" ", "").replace("--moved", "--moved ")
    told = require_refused(interrupted, "run.moved", ExitCode.USAGE, "--moved", "base")
    assert "--moved base_model=DIR" in told
    told = require_refused(interrupted, "run.moved", ExitCode.USAGE, "--moved", f"/other={moved}")
    assert "--moved /other=" in told
    assert f"its base model was in {interrupted.folder}/base" in told
    told = require_refused(interrupted, "run.gone", ExitCode.DATA, "--moved", f"{interrupted.folder}=/nowhere")
    assert "the base model is not in /nowhere/base either, as --moved says" in told

    answer = resume(interrupted, "--moved", f"{interrupted.folder}={moved}")

    assert answer.returncode == ExitCode.OK, answer.stderr
    assert shown(interrupted)["state"] == "finished"


def test_a_folder_that_is_no_run_is_told_as_such(interrupted: Workplace) -> None:
    runs = interrupted.run("resume", "runs")
    assert runs.returncode == ExitCode.USAGE
    assert "runs is no run: it has no run.json" in runs.stderr
    assert f"fix: It holds runs: name one of them, such as runs/{interrupted.run_dir.name}" in runs.stderr
    other = interrupted.run("resume", "base")
    assert "base is no run: it has no run.json" in other.stderr


def test_a_path_is_shown_without_its_detours(interrupted: Workplace) -> None:
    looked = interrupted.run("show", f"base/../runs/{interrupted.run_dir.name}").stdout
    assert f"loghi-runner resume runs/{interrupted.run_dir.name}" in looked


def test_only_where_it_runs_can_be_other(interrupted: Workplace) -> None:
    require_refused(interrupted, "resume.set", ExitCode.USAGE, "--set", "training.seed=2")
    assert resume(interrupted, "--set", "engine.kind=local").returncode == ExitCode.OK


def test_two_at_once_and_one_that_runs_are_refused(interrupted: Workplace) -> None:
    interrupted.scenario = "waits_when_it_goes_on"
    first = interrupted.start("resume", str(interrupted.run_dir), "--json")
    read_until(first, lambda value: value["kind"] == "resumed")

    second = json.loads(resume(interrupted, "--json").stdout)

    assert (second["code"], second["exit_code"]) == ("resume.under_way", ExitCode.USAGE)
    (interrupted.run_dir / "out/go").touch()
    assert first.wait(60) == ExitCode.OK
    assert [row["epoch"] for row in shown(interrupted)["epochs"]] == [0, 1, 2, 3]


def test_a_run_whose_trainer_goes_on_alone_is_refused(interrupted: Workplace) -> None:
    interrupted.scenario = "waits_when_it_goes_on"
    first = interrupted.start("resume", str(interrupted.run_dir), "--json")
    read_until(first, lambda value: value["kind"] == "resumed")
    first.kill()
    first.wait()

    told = json.loads(resume(interrupted, "--json").stdout)

    assert told["code"] == "resume.not_over"
    (interrupted.run_dir / "out/go").touch()
    followed = interrupted.run("logs", "-f", str(interrupted.run_dir)).stdout
    assert followed.splitlines()[-1].endswith("finished; best_val is epoch 3")
    assert shown(interrupted)["state"] == "finished"


def test_the_run_of_another_machine_goes_on_here_once_its_trainer_is_silent(
    interrupted: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take_turn, "WATCHED_S", 0.0)
    started_on_another_machine(interrupted)
    assert "`loghi-runner resume RUN` lets it go on here" in shown(interrupted)["remark"]
    require_refused(interrupted, "resume.not_over", ExitCode.USAGE)  # its trainer gives no sign of life at all
    (interrupted.run_dir / "out/beat").touch()

    answer = resume(interrupted)

    assert answer.returncode == ExitCode.OK, answer.stderr
    assert "is of another-name, and its trainer cannot be seen from here" in " ".join(answer.stderr.split())
    assert [row["epoch"] for row in shown(interrupted)["epochs"]] == [0, 1, 2, 3]
    assert not (interrupted.run_dir / "out/beat").exists()


def test_whoever_follows_a_run_that_was_resumed_elsewhere_leaves_it_alone(interrupted: Workplace) -> None:
    """A machine that was only asleep wakes up: its trainer ended, and the run goes on elsewhere."""
    interrupted.scenario = "waits_when_it_goes_on"
    first = interrupted.start("resume", str(interrupted.run_dir), "--json")
    read_until(first, lambda value: value["kind"] == "resumed")
    record = interrupted.record()
    elsewhere = {"at": "2026-11-29T10:00:00Z", "machine": "another-name", "engine": "local", "after": 9}
    record["resumptions"].append(elsewhere)
    (interrupted.run_dir / "run.json").write_text(json.dumps(record))

    (interrupted.run_dir / "out/go").touch()

    assert first.wait(60) == ExitCode.ENGINE
    assert first.stdout is not None
    assert json.loads(first.stdout.read().splitlines()[-1])["code"] == "run.taken_over"
    assert interrupted.record() == record
    assert not (interrupted.run_dir / "out/report/report.html").exists()


def started_on_another_machine(place: Workplace) -> None:
    host = {"machine": "another-name", "process": "1:1:another-boot"}
    gone = {"host": host, "state": "running", "ended": None, "exit_code": None, "error": None, "status": None}
    gone |= {"handle": {"engine": "local", "id": "1:1:another-boot"}}
    (place.run_dir / "run.json").write_text(json.dumps(place.record() | gone))


def test_a_new_run_of_the_same_says_that_the_earlier_one_can_go_on(interrupted: Workplace) -> None:
    earlier = interrupted.run_dir.name
    interrupted.scenario = "success"

    again = interrupted.finetune()

    assert f"loghi-runner resume runs/{earlier}" in " ".join(again.stderr.split())
    assert again.returncode == ExitCode.OK
    other = interrupted.finetune("--set", "training.seed=7")
    assert "loghi-runner resume runs/" not in other.stderr


def test_a_power_cut_in_any_file_is_told_in_words_or_does_no_harm(interrupted: Workplace, tmp_path: Path) -> None:
    """Each file of a run cut in half; `make test-kill` does it with the real trainer, and at other places."""
    results: dict[str, str] = {}
    whole = interrupted.run_dir.rename(tmp_path / interrupted.run_dir.name)
    shutil.rmtree(whole / "places")
    for file in sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file()):
        run_dir = interrupted.folder / "runs" / whole.name
        shutil.rmtree(run_dir, ignore_errors=True)
        shutil.copytree(whole, run_dir, symlinks=True)
        os.truncate(run_dir / file, (run_dir / file).stat().st_size // 2)
        for words in (("show", str(run_dir)), ("runs", "runs"), ("report", str(run_dir))):
            answer = interrupted.run(*words)
            assert answer.returncode != ExitCode.BUG, (file, words, answer.stderr)
            assert "Traceback" not in answer.stderr
        answer = interrupted.run("resume", str(run_dir), "--json")
        told = json.loads(answer.stdout.splitlines()[-1])
        results[str(file)] = told.get("code") or told.get("state")

    assert results.pop("run.json") == "run.broken_record"
    assert results.pop("config.yaml") == "resume.other_config"
    assert results.pop("in/job.json") == "run.no_job"
    assert results.pop("out/last/checkpoint.zip") == "resume.damaged"
    assert {results.pop(f"in/lists/{split}.txt") for split in ("train", "val")} == {"run.made_of_other"}
    assert set(results.values()) == {"finished"}
    assert "out/events.jsonl" in results
