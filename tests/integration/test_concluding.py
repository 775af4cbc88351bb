"""What is said of a run that ended badly or alone, and its report, whoever makes it."""

import json
import time

import pytest

from loghi_runner.runs.folder import RunFolder
from tests.integration.conftest import FAKE_TRAINER

DYING_TRAINER = FAKE_TRAINER.with_name("dying_trainer.py")


def end_alone(workplace, until) -> RunFolder:
    """A run that finished after its host was killed, and at which nobody has looked since."""
    workplace.scenario = "waits_for_go"
    host = workplace.start_finetune()
    until(host, lambda value: value["kind"] == "epoch")
    host.kill()
    host.wait(30)
    folder = RunFolder(workplace.run_dir)
    (folder.out / "go").touch()
    while b'"finished"' not in folder.events_file.read_bytes():
        time.sleep(0.01)
    return folder


def look(workplace) -> dict:
    """The run as `show` tells it, once the kernel has ended its trainer."""
    shown = json.loads(workplace.run("show", "last", "--json").stdout)
    while shown["state"] == "running":
        shown = json.loads(workplace.run("show", "last", "--json").stdout)
    return shown


def test_a_run_that_finished_alone_gets_its_report_from_whoever_looks(workplace, until) -> None:
    folder = end_alone(workplace, until)
    assert not folder.report_file.exists()
    assert look(workplace)["state"] == "finished"
    assert folder.report_file.is_file()


def test_a_report_that_cannot_be_written_does_not_keep_a_run_from_its_end(workplace, until) -> None:
    folder = end_alone(workplace, until)
    folder.report_file.mkdir()  # a file cannot take its place
    shown = look(workplace)
    assert (shown["state"], shown["best_epoch"]) == ("finished", 1)
    told = workplace.run("show", "last").stdout
    assert f"none yet: `loghi-runner report runs/{folder.path.name}` makes it" in told


def test_a_model_that_was_put_in_place_unannounced_is_the_one_that_is_told_of(workplace) -> None:
    workplace.trainer, workplace.scenario = DYING_TRAINER, "killed_while_saving"
    result = workplace.finetune()
    assert "best_val of epoch 1 is kept" in result.stderr
    record = workplace.record()
    assert (record["best_epoch"], record["best_val_cer"]) == (1, 0.2)
    assert "30.0 % > 20.0 %" in workplace.run("runs").stdout
    assert not (workplace.run_dir / "out" / "model" / ".saving").exists()


def test_a_run_whose_folder_was_removed_says_so_and_does_not_come_back(workplace) -> None:
    workplace.trainer, workplace.scenario = DYING_TRAINER, "loses_its_folder"
    result = workplace.finetune()
    assert result.returncode == 4
    assert "error: the run folder was removed while it ran; nothing of it is kept\n" in result.stderr
    assert "best_val" not in result.stderr and "next" not in result.stdout
    assert list((workplace.folder / "runs").iterdir()) == []


def test_report_makes_one_at_any_time(workplace) -> None:
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    made = folder.report_file.read_bytes()
    folder.report_file.unlink()
    result = workplace.run("report", "last")
    assert result.stdout.splitlines() == [f"runs/{folder.path.name}/out/report/report.html"]
    assert folder.report_file.read_bytes() == made
    answer = json.loads(workplace.run("report", "last", "--json").stdout)
    assert answer == {"kind": "report_made", "run_dir": str(folder.path), "path": str(folder.report_file)}


def test_report_of_a_failed_run_says_that_it_failed(workplace) -> None:
    workplace.scenario = "killed"
    workplace.finetune()
    assert workplace.run("report", "last").returncode == 0
    html = RunFolder(workplace.run_dir).report_file.read_text(encoding="utf-8")
    assert "The run has no good end: the trainer was ended from outside (SIGKILL)" in html


def test_report_of_a_run_that_read_nothing_is_refused(workplace) -> None:
    workplace.scenario = "failed"
    workplace.finetune()
    result = workplace.run("report", "last")
    assert result.returncode == 2
    assert "there is nothing to report" in result.stderr


def test_report_names_a_place_that_cannot_be_written(workplace) -> None:
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    folder.report_file.unlink()
    folder.report_file.mkdir()
    result = workplace.run("report", "last")
    assert result.returncode == 4
    assert "error: the report cannot be written: " in result.stderr


@pytest.mark.parametrize("has_browser", [True, False])
def test_report_opens_in_the_users_browser(workplace, monkeypatch, has_browser: bool) -> None:
    workplace.finetune()
    browser = workplace.folder / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > opened\n' if has_browser else "#!/bin/sh\nexit 1\n", encoding="utf-8")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    process = workplace.start("report", "last", "--open")
    _, told = process.communicate()
    assert process.returncode == 0
    opened = workplace.folder / "opened"
    if has_browser:
        assert opened.read_text(encoding="utf-8").strip() == RunFolder(workplace.run_dir).report_file.as_uri()
    else:
        assert "open that file in yours" in told
