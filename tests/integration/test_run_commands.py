"""The commands that need only a run folder: runs, show, logs, clean, export; and errors of the command line."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from loghi_runner.runs.folder import RunFolder


def test_runs_lists_states_and_scores(workplace) -> None:
    workplace.finetune()
    workplace.scenario = "failed"
    workplace.finetune()
    result = workplace.run("runs")
    header, *rows = result.stdout.splitlines()
    assert header.split() == ["run", "state", "CER", "started", "name"]
    # two runs of one second stand in any order
    assert sorted(row[22:50] for row in rows) == ["failed                      ", "finished    31.2 % > 9.8 %  "]


def test_a_run_is_found_by_the_beginning_of_its_id(workplace) -> None:
    workplace.finetune()
    run_id = workplace.run_dir.name
    assert workplace.run("show", run_id[:12]).returncode == 0
    result = workplace.run("show", "1999")
    assert result.returncode == 2
    assert "there is no run 1999 in runs" in result.stderr


def test_looking_at_a_run_that_is_over_loads_nothing_that_draws_or_computes(workplace) -> None:
    workplace.finetune()
    program = """
import sys
from loghi_runner.cli.main import run
assert run(["runs"]) == run(["show", "last"]) == 0
loaded = {"cv2", "matplotlib", "scipy"} & sys.modules.keys()
assert not loaded, loaded
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=workplace.folder, env={**os.environ, **workplace.own_environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_logs_tell_the_events_in_plain_lines(workplace) -> None:
    workplace.finetune()
    lines = [line[10:] for line in workplace.run("logs", "last").stdout.splitlines()]
    assert lines[0] == "started on Fake cpu (CPU), Keras 3"
    assert lines[-1] == "finished; best_val is epoch 2"
    assert not any("step" in line for line in lines)


def test_logs_as_json_are_the_events_byte_for_byte(workplace) -> None:
    workplace.finetune()
    result = workplace.run("logs", "last", "--json")
    assert result.stdout == (workplace.run_dir / "out" / "events.jsonl").read_text(encoding="utf-8")


def test_export_copies_the_model_and_prints_the_line_for_loghi(workplace) -> None:
    workplace.scenario = "gives_a_model"
    workplace.finetune()
    result = workplace.run("export", "last", "models/new hand")
    target = workplace.folder / "models" / "new hand"
    assert result.stdout.splitlines() == ["models/new hand", f"HTRLOGHIMODEL='{target}'"]
    best_val: Path = workplace.run_dir / "out" / "model" / "best_val"
    (target / "README.md").unlink()
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {
        path.name: path.read_bytes() for path in best_val.iterdir()
    }


def test_export_packs_the_model_into_one_file_for_kraken(workplace) -> None:
    workplace.scenario = "gives_a_model"
    workplace.finetune()
    best_val: Path = workplace.run_dir / "out" / "model" / "best_val"
    result = workplace.run("export", "last", "models/new hand.mlmodel")
    made = workplace.folder / "models" / "new hand.mlmodel"
    assert result.stdout.splitlines() == [
        "models/new hand.mlmodel",
        "kraken -i page.jpg page.txt segment -bl ocr -m 'models/new hand.mlmodel'",
    ]
    with zipfile.ZipFile(made) as archive:
        assert archive.read("model.keras") == (best_val / "model.keras").read_bytes()
        marker = json.loads(archive.read("loghi.json"))
        notes = archive.read("README.md").decode()
    assert (marker["height_px"], marker["cut"], marker["val_cer"]) == (64, "loghi", 0.098)
    assert "CER 9.8 %" in notes
    assert {path.name for path in made.parent.iterdir()} == {made.name, "new hand.README.md"}


@pytest.mark.parametrize("target", ["copy", "copy.mlmodel"])
@pytest.mark.parametrize("damage", ["empty", "half", "one byte short", "other bytes"])
@pytest.mark.parametrize("part", ["model.keras", "tokenizer.json", "config.json"])
def test_export_hands_out_no_damaged_model(workplace, part: str, damage: str, target: str) -> None:
    file = workplace.folder / "base" / part
    whole = file.read_bytes() if file.exists() else b'{"model_channels": 4}'
    damages = {"empty": b"", "half": whole[: len(whole) // 2], "one byte short": whole[:-1]}
    file.write_bytes(damages.get(damage, bytes(range(256))))
    result = workplace.run("export", "base", target)
    assert result.returncode == 3
    assert "Traceback" not in result.stderr and "fix: " in result.stderr
    assert not (workplace.folder / target).exists()


def test_export_leaves_out_what_is_half_written(workplace) -> None:
    (workplace.folder / "base" / ".new.model.keras").write_bytes(b"half a model")
    assert workplace.run("export", "base", "copy").returncode == 0
    names = {path.name for path in (workplace.folder / "copy").iterdir()}
    assert "model.keras" in names and not any(name.startswith(".") for name in names)


def test_export_says_which_run_it_took_and_how_that_ended(workplace) -> None:
    workplace.finetune()
    told = " ".join(workplace.run("export", "last", "one").stderr.split())
    assert f"run {workplace.run_dir.name} (bonnevie) is finished; best_val is of epoch 2, CER 9.8 %" in told
    assert "warning" not in told
    answer = json.loads(workplace.run("export", "last", "two", "--json").stdout)
    assert (answer["run"], answer["state"]) == (workplace.run_dir.name, "finished")


@pytest.mark.parametrize(("scenario", "state"), [("early_stop", "is finished"), ("killed", "failed")])
def test_export_of_a_run_that_never_got_better_says_so(workplace, scenario: str, state: str) -> None:
    workplace.scenario = scenario
    workplace.finetune()
    result = workplace.run("export", "last", "handed on")
    assert result.returncode == 0
    told = " ".join(result.stderr.split())
    assert f"(bonnevie) {state}; best_val is of epoch 0" in told
    assert "no epoch of it was better than the base model: what is exported is the base model, untrained" in told


def test_export_takes_a_model_that_belongs_to_no_run(workplace) -> None:
    result = workplace.run("export", "base", "base.mlmodel", "--cut", "polygon")
    assert result.returncode == 0, result.stderr
    with zipfile.ZipFile(workplace.folder / "base.mlmodel") as archive:
        assert json.loads(archive.read("loghi.json"))["cut"] == "polygon"


def test_export_never_replaces_a_file(workplace) -> None:
    (workplace.folder / "taken.mlmodel").write_text("precious", encoding="utf-8")
    result = workplace.run("export", "base", "taken.mlmodel")
    assert result.returncode == 2
    assert (workplace.folder / "taken.mlmodel").read_text(encoding="utf-8") == "precious"


def test_export_never_writes_into_a_folder_with_files(workplace) -> None:
    workplace.finetune()
    (workplace.folder / "taken").mkdir()
    (workplace.folder / "taken" / "thesis.txt").write_text("precious", encoding="utf-8")
    result = workplace.run("export", "last", "taken")
    assert result.returncode == 2
    assert [path.name for path in (workplace.folder / "taken").iterdir()] == ["thesis.txt"]


def test_clean_removes_what_a_failed_run_left_but_no_model(workplace) -> None:
    workplace.scenario = "crash"
    workplace.finetune()
    assert (workplace.run_dir / "places").is_dir()
    result = workplace.run("clean", "--yes")
    assert "removed what 1 run had left" in result.stdout
    assert not (workplace.run_dir / "places").exists()
    assert (workplace.run_dir / "out" / "model" / "best_val" / "model.keras").exists()
    assert (workplace.folder / "data" / "train" / "page_0" / "line_0.png").exists()
    assert "nothing to remove" in workplace.run("clean", "--yes").stdout


def test_clean_removes_what_was_half_written_and_nothing_else(workplace) -> None:
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    results = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    half = [
        folder.saving / "raw.model.keras",
        folder.best_val / ".new.model.keras",
        folder.path / ".run.json.4711",
        folder.report_file.parent / ".report.html.4711",
        folder.report_file.parent / ".0123456789abcdef.new",
    ]
    folder.saving.mkdir()
    for path in half:
        path.write_bytes(b"half")
    assert "removed what 1 run had left" in workplace.run("clean", "--yes").stdout
    assert not folder.saving.exists()
    left = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    assert left.keys() == results.keys()
    assert "nothing to remove" in workplace.run("clean", "--yes").stdout


def test_runs_and_show_tell_the_same_figure_when_events_are_lost(workplace) -> None:
    workplace.finetune()
    events = workplace.run_dir / "out" / "events.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(b"".join(line for line in lines if b'"epoch":2' not in line))
    assert "31.2 % > 9.8 %" in workplace.run("runs").stdout
    assert "best CER 9.8 % (epoch 2 of 75)" in workplace.run("show", "last").stdout


def test_runs_tells_a_run_that_is_over_by_its_record_alone(workplace) -> None:
    workplace.finetune()
    (workplace.run_dir / "out" / "events.jsonl").unlink()
    assert "31.2 % > 9.8 %" in workplace.run("runs").stdout


def test_clean_asks_first(workplace) -> None:
    workplace.scenario = "crash"
    workplace.finetune()
    result = workplace.run("clean")  # nobody answers
    assert result.returncode == 130
    assert (workplace.run_dir / "places").is_dir()


def test_stop_of_a_run_that_is_over_says_so(workplace) -> None:
    workplace.finetune()
    result = workplace.run("stop", "last")
    assert result.returncode == 2
    assert "the run is over already: finished" in result.stderr


def test_a_damaged_record_is_named(workplace) -> None:
    workplace.finetune()
    record = workplace.run_dir / "run.json"
    record.write_text("{", encoding="utf-8")
    result = workplace.run("show", "last")
    assert result.returncode == 2
    assert f"where: {record}" in result.stderr.splitlines()


def test_one_damaged_record_does_not_hide_the_other_runs(workplace) -> None:
    workplace.finetune()
    (workplace.run_dir / "run.json").write_text("{", encoding="utf-8")
    broken = workplace.run_dir.rename(workplace.folder / "broken")
    workplace.finetune()
    broken.rename(workplace.folder / "runs" / "20000101-000000-aaaa")
    result = workplace.run("runs")
    assert result.returncode == 0
    assert "unreadable" in result.stdout
    assert "finished" in result.stdout


def test_all_config_problems_are_shown_at_once(workplace) -> None:
    text = workplace.config.read_text(encoding="utf-8")
    workplace.config.write_text(text + "training: {epoch: 3, batch_size: no}\n", encoding="utf-8")
    result = workplace.finetune()
    assert result.returncode == 2
    assert "training.epoch " in result.stderr and "training.batch_size" in result.stderr
    as_json = json.loads(workplace.finetune("--json").stdout)
    assert (as_json["kind"], as_json["exit_code"], len(as_json["problems"])) == ("error", 2, 2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["finetun"], "finetun"),
        (["finetune"], "CONFIG"),
        (["show", "last", "--jsn"], "--jsn"),
        (["show", "last"], "there are no runs in runs"),
    ],
)
def test_a_wrong_command_line_is_exit_2_with_a_way_on(workplace, arguments: list[str], says: str) -> None:
    result = workplace.run(*arguments)
    assert result.returncode == 2
    error, fix = result.stderr.splitlines()[0], result.stderr.splitlines()[-1]
    assert error.startswith("error: ") and says in error
    assert fix.startswith("fix: ")


def test_init_writes_a_config_once(workplace) -> None:
    first = workplace.run("init", "new.yaml")
    assert (first.returncode, first.stdout) == (0, "new.yaml\n")
    again = workplace.run("init", "new.yaml")
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert workplace.run("init", "new.yaml", "--force").returncode == 0


def test_init_from_a_script_tells_every_value(workplace) -> None:
    script = workplace.folder / "finetune.sh"
    script.write_text(
        "#!/bin/bash\nHTRBASEMODEL=/models/ibsen\nUSEBASEMODEL=1\nGPU=-1\nlistdir=/data/lists\n"
        "trainlist=$listdir/train.txt\nvalidationlist=$listdir/val.txt\nepochs=7\noutputdir=/data/out\n"
        "python3 main.py --train_list $trainlist --validation_list $validationlist --epochs $epochs "
        "--model $HTRBASEMODEL --gpu $GPU --output $outputdir\n",
        encoding="utf-8",
    )
    result = workplace.run("init", "carried.yaml", "--from", "finetune.sh")
    assert result.returncode == 0, result.stderr
    assert "carried over" in result.stderr
    assert "epochs: 7" in (workplace.folder / "carried.yaml").read_text(encoding="utf-8")


def test_version_names_the_contract(workplace) -> None:
    assert "(contract 1)" in workplace.run("version").stdout


@pytest.mark.parametrize("command", [("check", "config.yaml"), ("doctor",), ("runs",)])
def test_a_working_folder_that_was_removed_is_no_fault_of_ours(workplace, monkeypatch, command, capsys) -> None:
    from loghi_runner.cli import main

    gone = workplace.folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    code = main.run(command)
    monkeypatch.chdir(workplace.folder)
    told = capsys.readouterr().err
    assert code != 1
    assert "a fault in loghi-runner itself" not in told
    if command[0] == "check":
        assert (code, told.splitlines()[0]) == (2, "error: the folder in which the command was given was removed")


def test_a_fault_of_our_own_leaves_its_traceback_in_a_file(workplace, monkeypatch, capsys) -> None:
    from loghi_runner.cli import main

    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("loghi_runner.runs.find.list_runs", fail)
    assert main.run(["runs", str(workplace.folder)]) == 1
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    (file,) = [line.removeprefix("where: ") for line in shown.splitlines() if line.startswith("where: ")]
    assert "ZeroDivisionError: a fault" in Path(file).read_text(encoding="utf-8")
    Path(file).unlink()


def test_a_long_console_log_is_printed_whole(workplace) -> None:
    workplace.finetune()
    text = "a line with ſ and ř\n" * 120_000  # two pieces and more, which end within a letter sooner or later
    (workplace.run_dir / "console.log").write_text(text + "half", encoding="utf-8")
    assert workplace.run("logs", "last", "--console").stdout == text + "half\n"
