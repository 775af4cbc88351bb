"""Commands in the wrong place or order, on runs that were damaged, moved or closed: a sentence, never a fault."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loghi_runner import __main__ as program


def assert_told(result, exit_code: int, *sentences: str) -> None:
    shown = result.stdout + result.stderr
    assert result.returncode == exit_code, shown
    assert "fault in loghi-runner" not in shown and "Traceback" not in shown
    for sentence in sentences:
        assert sentence in shown


def test_ctrl_c_while_the_program_loads_leaves_no_traceback(monkeypatch, capsys) -> None:
    def interrupted(_name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "import_module", interrupted)
    with pytest.raises(SystemExit) as caught:
        program.main()
    assert caught.value.code == 130
    assert capsys.readouterr().err == "stopped; nothing was started or removed\n"


def test_the_program_runs_as_a_module_too() -> None:
    done = subprocess.run([sys.executable, "-m", "loghi_runner", "version"], capture_output=True, text=True, check=True)
    assert "(contract 1)" in done.stdout


@pytest.mark.parametrize("command", ["show", "logs", "stop", "export"])
def test_a_command_on_no_run_says_where_it_looked(workplace, command: str) -> None:
    folder = ["model"] if command == "export" else []
    assert_told(workplace.run(command, "last", *folder), 2, "there are no runs in runs", "--output")
    assert_told(workplace.run(command, "", *folder), 2, "there is no run")
    assert not (workplace.folder / "model").exists()


def test_clean_of_nothing_says_so(workplace) -> None:
    (workplace.folder / "runs").mkdir()
    assert_told(workplace.run("clean"), 0, "nothing to remove")


def test_stop_announces_nothing_that_it_does_not_do(workplace) -> None:
    workplace.finetune()
    result = workplace.run("stop", "last")
    assert_told(result, 2, "the run is over already")
    assert "stopping" not in result.stderr


def test_logs_of_an_ended_run_do_not_wait(workplace) -> None:
    workplace.finetune()
    followed = workplace.run("logs", "last", "-f")
    assert followed.stdout == workplace.run("logs", "last").stdout
    assert_told(workplace.run("logs", "last", "--console"), 0, "the trainer printed nothing")


def test_events_that_cannot_be_read_do_not_hide_the_run(workplace) -> None:
    workplace.finetune()
    events = workplace.run_dir / "out" / "events.jsonl"
    events.unlink()
    events.mkdir()
    assert_told(workplace.run("show", "last"), 0, "HTRLOGHIMODEL=")
    assert_told(workplace.run("logs", "last", "-f"), 0, "nothing was written yet")


def test_one_damaged_record_does_not_keep_clean_from_the_other_runs(workplace) -> None:
    workplace.scenario = "crash"
    workplace.finetune()
    damaged = workplace.folder / "runs" / "20000101-000000-aaaa"
    damaged.mkdir()
    (damaged / "run.json").write_text("{", encoding="utf-8")
    assert_told(workplace.run("clean", "--yes"), 0, f"{damaged.name}: left alone", "removed what 1 run had left")


@pytest.mark.parametrize("target", ["config.yaml", "config.yaml/below", "loop", "n" * 300, "gone/model"])
def test_export_to_an_odd_place_is_copied_or_told(workplace, target: str) -> None:
    workplace.finetune()
    (workplace.folder / "loop").symlink_to("loop")
    (workplace.folder / "gone").symlink_to("not_there_yet")
    before = workplace.config.read_bytes()
    result = workplace.run("export", "last", target)
    if target == "gone/model":
        assert_told(result, 0, "HTRLOGHIMODEL=")
        assert (workplace.folder / "not_there_yet/model/model.keras").is_file()
        return
    assert result.returncode in (2, 4)
    assert_told(result, result.returncode, "fix: Name a place")
    assert workplace.config.read_bytes() == before
    assert not [path.name for path in workplace.folder.iterdir() if path.name.startswith(".")]


def test_export_to_a_full_disk_says_so_in_one_sentence(workplace, monkeypatch) -> None:
    workplace.finetune()

    def full(_source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr("shutil.copyfile", full)
    result = workplace.run("export", "last", "model")
    assert result.returncode == 4
    assert result.stderr.splitlines()[0] == "error: the model cannot be copied: no space is left on the disk"
    assert not [path for path in workplace.folder.iterdir() if "model" in path.name]


def test_an_output_that_may_not_be_looked_into_is_told(workplace, monkeypatch) -> None:
    # permissions do not bind root, who may be running this
    (workplace.folder / "runs").mkdir()

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert_told(workplace.run("runs"), 2, "the folder runs cannot be looked into: Permission denied")


def test_a_config_that_may_not_be_read_is_told_as_such(workplace, monkeypatch) -> None:
    def refuse(path: Path, _most_bytes: int) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("loghi_runner.config.file.read_plain", refuse)
    assert_told(workplace.finetune(), 2, "config.yaml: cannot be read: Permission denied. Check the file's permissions")


def test_image_without_a_command_says_how_to_go_on(workplace) -> None:
    result = workplace.run("image")
    assert_told(result, 2, "error: Missing command.\n", "loghi-runner image --help")


@pytest.mark.parametrize("name", ["-x.yaml", "my config.yaml"])
def test_the_next_command_of_init_can_be_pasted(workplace, name: str) -> None:
    result = workplace.run("init", "--", name)
    quoted = {"-x.yaml": "./-x.yaml", "my config.yaml": "'my config.yaml'"}[name]
    assert f"loghi-runner check {quoted}\n" in result.stderr
    assert f"loghi-runner check {quoted}\n" in (workplace.folder / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0", "the file is not a shell script: it is not text"),
        (b"#!/usr/bin/env python3\n", "its first line names another program"),
        (b"#!/bin/bash\nA='unclosed\n", "is never closed"),
        (b'trainlist="$(' * 500, "cannot be read as shell"),
        (b"#!/bin/bash\necho hi\n", "does not train a handwriting model"),
    ],
    ids=["image", "python", "unclosed", "nested", "another script"],
)
def test_init_from_what_is_no_training_script_names_the_file(workplace, content: bytes, says: str) -> None:
    (workplace.folder / "some.sh").write_bytes(content)
    assert_told(workplace.run("init", "new.yaml", "--from", "some.sh"), 2, says, "where: some.sh")
    assert not (workplace.folder / "new.yaml").exists()


def test_init_to_a_name_that_is_too_long_is_told(workplace) -> None:
    assert_told(workplace.run("init", "n" * 300), 4, "the config cannot be written: File name too long")


def test_a_files_name_cannot_command_the_terminal(workplace) -> None:
    image = workplace.folder / "lines" / "evil\x1b[2J.png"
    image.parent.mkdir(exist_ok=True)
    listed = workplace.folder / "evil.txt"
    listed.write_text(f"{image}\tsome text\n", encoding="utf-8")
    result = workplace.run("check", "config.yaml", "--set", f"data.train={listed}")
    assert "\x1b" not in result.stdout + result.stderr
    assert "evil\\x1b[2J.png" in result.stdout
