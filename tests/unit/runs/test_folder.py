"""The run folder's record and tables."""

import json
import re
from pathlib import Path

import pytest

from loghi_contract.lines import SkippedLine, SkipReason, format_skipped
from loghi_runner.engines.base import Handle
from loghi_runner.errors import UsageError
from loghi_runner.files import whole_file, write_atomically
from loghi_runner.runs.folder import (
    Host,
    RunFailure,
    RunFolder,
    RunRecord,
    RunState,
    new_run_id,
    skipped_counts,
)

RECORD = RunRecord(
    run_id="20261122-090000-k3f9",
    name="bonnevie",
    state=RunState.RUNNING,
    created="2026-11-22T09:00:00Z",
    versions={"loghi-runner": "0.1.0"},
    engine="docker",
    device="gpu",
    gpus=("GPU-1",),
    config_sha256="00",
    handle=Handle("docker", "abc"),
    host=Host("lab", "12:34.5"),
)


def test_run_ids_are_utc_and_sort_by_time() -> None:
    run_id = new_run_id(1763802000)
    assert re.fullmatch(r"20251122-090000-[a-z2-7]{4}", run_id)
    assert new_run_id(1763802001) > run_id


def test_a_record_survives_writing_and_reading(tmp_path: Path) -> None:
    record = RECORD.with_failure(RunFailure("data.x", "what", 3, "hint", "where"))
    folder = RunFolder(tmp_path)
    folder.write(record)
    assert folder.read() == record
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_record_of_a_newer_version_can_be_read(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write(RECORD)
    value = json.loads(folder.record_file.read_text(encoding="utf-8")) | {"energy_wh": 12}
    folder.record_file.write_text(json.dumps(value), encoding="utf-8")
    assert folder.read() == RECORD


def test_a_folder_without_a_record_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a run folder"):
        RunFolder(tmp_path).read()


def test_a_failed_write_keeps_the_old_text(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_atomically(path, "old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert path.read_text(encoding="utf-8") == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("damage", [b"\xff\xfe", b""])
def test_a_damaged_list_of_lines_hides_no_other_line(tmp_path: Path, damage: bytes) -> None:
    folder = RunFolder(tmp_path)
    assert folder.read_list("train") is None
    (folder.job_dir / "lists").mkdir(parents=True)
    (folder.job_dir / "lists" / "train.txt").write_bytes(b"/in/data/0/a.png\tfirst\n" + damage + b"\nb.png\tsecond\n")
    assert [line.text for line in folder.read_list("train") or ()] == ["first", "second"]


def test_a_text_with_tabs_stays_one_row(tmp_path: Path) -> None:
    line = SkippedLine("a.png", "to\tord\n", "train.txt:3", SkipReason.EMPTY_TEXT, "")
    folder = RunFolder(tmp_path)
    folder.skipped_file.parent.mkdir(parents=True)
    folder.skipped_file.write_text(format_skipped([("train", line)]), encoding="utf-8")
    assert skipped_counts(folder) == {"empty_text": 1}
