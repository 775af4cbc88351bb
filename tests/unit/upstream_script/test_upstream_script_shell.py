"""Shell is read as the shell itself would, and never executed; what is no training script is refused."""

from pathlib import Path

import pytest

from loghi_runner.errors import UsageError
from loghi_runner.upstream_script.carry import CarriedOver, Note, Severity, read_upstream_script

BASE = "HTRBASEMODEL=/models/base/best_val\nUSEBASEMODEL=1\n"
LISTS = "trainlist=/lines/train.txt\nvalidationlist=/lines/val.txt\n"
CALL = "docker run image python3 /src/main.py --train_list $trainlist --validation_list $validationlist"


def read(text: str) -> CarriedOver:
    return read_upstream_script(text, Path("/home/anna/scripts"), lambda index: None)


def only_note(carried: CarriedOver, severity: Severity, variable: str, words: str = "") -> Note:
    found = [
        note
        for note in carried.notes
        if (note.severity, note.variable) == (severity, variable) and words in note.sentence
    ]
    assert len(found) == 1, carried.notes
    return found[0]


def data(carried: CarriedOver) -> object:
    return carried.config["data"]


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ("trainlist='/my lists/a.txt'", "/my lists/a.txt"),
        ('trainlist="/my lists/a.txt"', "/my lists/a.txt"),
        ("trainlist=/my\\ lists/a.txt", "/my lists/a.txt"),
        ("trainlist=/lists/a.txt # the good one", "/lists/a.txt"),
        ("trainlist=/lists/#a.txt", "/lists/#a.txt"),
        ("export trainlist=/lists/a.txt", "/lists/a.txt"),
        ("declare -r trainlist=/lists/a.txt", "/lists/a.txt"),
        ("d=/lists; trainlist=$d/a.txt", "/lists/a.txt"),
        ('d=/lists; trainlist="${d}/a.txt"', "/lists/a.txt"),
        ("d=/lists/; trainlist=${d%/}/a.txt", "/lists/a.txt"),
        ("d=/lists/; trainlist=${d%/*}/a.txt", "/lists/a.txt"),
        ("d=/x/a.txt; trainlist=/lists/${d##*/}", "/lists/a.txt"),
        ('trainlist="~/a.txt"', "/home/anna/a.txt"),
        ("trainlist='$HOME/a.txt'", "/home/anna/scripts/$HOME/a.txt"),
        ("trainlist=/old.txt\ntrainlist=/new.txt", "/new.txt"),
        ("trainlist=${LIST:-/lists/a.txt}", "/lists/a.txt"),
        ("trainlist=${1:-/lists/a.txt}", "/lists/a.txt"),
        ("trainlist=/lists\ntrainlist+=/a.txt", "/lists/a.txt"),
        ("trainlist=lists/a.txt", "/home/anna/scripts/lists/a.txt"),
        ("trainlist=$(pwd)/a.txt", "/home/anna/scripts/a.txt"),
        ("trainlist=`pwd`/a.txt", "/home/anna/scripts/a.txt"),
        ("trainlist=$PWD/a.txt", "/home/anna/scripts/a.txt"),
        ('HERE=$(dirname "$0"); trainlist=$HERE/a.txt', "/home/anna/scripts/a.txt"),
        ('HERE="$( cd "$( dirname "${BASH_SOURCE[0]}" )" && pwd )"; trainlist=$HERE/a.txt', "/home/anna/scripts/a.txt"),
        ('HERE=$(dirname "$(readlink -f "$0")"); trainlist=$HERE/../a.txt', "/home/anna/scripts/../a.txt"),
        ("trainlist=${0%/*}/a.txt", "/home/anna/scripts/a.txt"),
        ("trainlist=$(realpath lists)/a.txt", "/home/anna/scripts/lists/a.txt"),
        ("cat <<END\ntrainlist=/no.txt\nEND\ntrainlist=/yes.txt", "/yes.txt"),
        ("V=3\nif [[ $V -eq 3 ]]; then\n trainlist=/yes.txt\nelse\n trainlist=/no.txt\nfi", "/yes.txt"),
        ("V=3\nif [ $V -gt 3 ]\nthen\n trainlist=/no.txt\nelif [ x = x ]; then trainlist=/yes.txt\nfi", "/yes.txt"),
        ("trainlist=~/a.txt", "/home/anna/a.txt"),
        ("trainlist=${HOME}/a.txt", "/home/anna/a.txt"),
    ],
)
def test_a_value_is_read_as_the_shell_would(lines: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.delenv("LIST", raising=False)
    assert data(read(f"{BASE}{lines}\n")) == {"train": path}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("trainlist=$(find / -name train.txt)", "$(find / -name train.txt) to be run"),
        ("trainlist=`ls *.txt`", "$(ls *.txt) to be run"),
        ("trainlist=$1/train.txt", "it comes from $1"),
        ("trainlist=$lstdir/train.txt", "it uses $lstdir, which the script never sets"),
        ("trainlist=$(mktemp)", "temporary"),
        ("for d in a b; do\ntrainlist=$d/train.txt\ndone", "under a condition"),
        ("trainlist=(/a.txt /b.txt)", "to be run"),
        ("d=/lists;" + "d=$d$d;" * 60 + "trainlist=$d", "a very long value"),
        ("trainlist=", "it is empty"),
    ],
)
def test_a_value_that_only_a_shell_could_know_is_named(lines: str, reason: str) -> None:
    carried = read(f"{BASE}{lines}\nvalidationlist=/lines/val.txt\n")
    assert data(carried) == {"validation": "/lines/val.txt"}
    assert reason in only_note(carried, Severity.NOT_CARRIED, "trainlist").sentence


def test_nothing_in_a_script_is_executed(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    read(f"{BASE}{LISTS}touch {witness}\nepochs=$(touch {witness}; echo 3)\n: `touch {witness}`\n")
    assert not witness.exists()


def test_an_assignment_under_a_condition_nobody_can_decide_is_not_followed() -> None:
    carried = read(f"{BASE}{LISTS}epochs=5\nif [ -d /data ]; then\n  epochs=50\nfi\n")
    assert carried.config["training"] == {"epochs": 5}
    assert only_note(carried, Severity.CHECK, "epochs").line == 7


def test_an_assignment_in_a_function_is_not_followed() -> None:
    carried = read(f"{BASE}{LISTS}epochs=5\nlonger() {{\n  epochs=50\n}}\n")
    assert carried.config["training"] == {"epochs": 5}
    assert only_note(carried, Severity.CHECK, "epochs").line == 7


def test_what_stands_in_braces_is_followed_and_a_function_is_not() -> None:
    carried = read(f"{BASE}{LISTS}longer()\n{{\n  epochs=50\n}}\n{{ epochs=5; {CALL} --epochs $epochs; }} | tee log\n")
    assert carried.config["training"] == {"epochs": 5}


def test_an_assignment_after_a_test_is_not_followed() -> None:
    carried = read(f'{BASE}{LISTS}epochs=5\n[ -n "$LONG" ] && epochs=50\n')
    assert carried.config["training"] == {"epochs": 5}


def test_a_value_for_one_command_only_is_no_setting() -> None:
    assert "training" not in read(f"{BASE}{LISTS}epochs=5 python3 other.py\n").config


def test_settings_of_another_file_are_missed_and_said() -> None:
    carried = read(f"{BASE}{LISTS}source ./paths.sh\n")
    assert "another file" in only_note(carried, Severity.CHECK, "source").sentence


def test_the_folder_a_script_changes_to_is_where_paths_begin() -> None:
    carried = read(f"{BASE}cd /data\ntrainlist=train.txt\npython3 main.py --train_list $trainlist\n")
    assert data(carried) == {"train": "/data/train.txt"}


def test_a_call_inside_a_quoted_command_is_read() -> None:
    carried = read(
        f'{BASE}{LISTS}docker run image bash -c "cd /src; python3 /src/main.py --train_list $trainlist --epochs 9"'
    )
    assert carried.config["training"] == {"epochs": 9}


def test_options_of_a_branch_not_taken_are_none() -> None:
    carried = read(f"{BASE}{LISTS}V=0\nif [ $V -eq 1 ]; then\n  EXTRA='--epochs 9'\nfi\n{CALL} $EXTRA\n")
    assert "training" not in carried.config
    assert not [note for note in carried.notes if note.variable == "EXTRA"]


def test_options_cut_off_by_a_comment_are_read_and_said() -> None:
    carried = read(f"{BASE}{LISTS}{CALL} \\\n#  --batch_size 4 \\\n  --epochs 9\n")
    assert carried.config["training"] == {"epochs": 9}
    assert "cut off" in only_note(carried, Severity.CHECK, "epochs").sentence


def test_of_two_trainings_the_last_is_read() -> None:
    carried = read(f"{BASE}{LISTS}{CALL} --epochs 1\n{CALL} --epochs 2 | tee log\n")
    assert carried.config["training"] == {"epochs": 2}
    assert only_note(carried, Severity.CHECK, "main.py", "more than once").line == 6


def test_the_call_counts_more_than_the_variable() -> None:
    carried = read(f"{BASE}{LISTS}epochs=5\n{CALL} --epochs 20\n")
    assert carried.config["training"] == {"epochs": 20}
    assert "no effect" in only_note(carried, Severity.CHECK, "epochs").sentence


def test_a_variable_the_call_leaves_out_is_read_and_said() -> None:
    carried = read(f"{BASE}{LISTS}epochs=5\n{CALL}\n")
    assert carried.config["training"] == {"epochs": 5}
    assert "does not pass epochs on" in only_note(carried, Severity.CHECK, "epochs").sentence


def test_options_in_a_variable_nobody_set_are_said_to_be_unknown() -> None:
    carried = read(f"{BASE}{LISTS}{CALL} $EXTRA\n")
    assert "cannot be known" in only_note(carried, Severity.CHECK, "EXTRA").sentence


@pytest.mark.parametrize(
    "text", ["", " \n", "<!DOCTYPE html>\n<p>", "#!/usr/bin/env python3\nprint()", "\x7fELF\0\0", "x=1\n" * 60_000]
)
def test_a_file_that_is_no_shell_script_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert caught.value.code == "init.not_a_shell_script"


def test_a_script_that_does_not_train_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(UsageError, match="never sets trainlist nor HTRBASEMODEL or HTRNEWMODEL") as caught:
        read("#!/bin/bash\ntrainsplit=90\ninputdir=$(realpath $1/)\n")
    assert caught.value.code == "init.not_a_training_script"


def test_a_script_that_recognizes_pages_is_refused() -> None:
    with pytest.raises(UsageError, match=r"never sets trainlist$"):
        read("HTRLOGHIMODEL=/models/x\nGPU=0\n")


@pytest.mark.parametrize("text", ["a='b\nc", 'x=1\na="b', "a=${b", "a=$(b", "a=`b", "a=$(" * 40])
def test_a_quote_that_is_never_closed_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert caught.value.code == "init.unreadable_script"
    assert caught.value.where is not None
    assert caught.value.where.startswith("line ")
