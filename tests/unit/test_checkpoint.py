"""Which checkpoint a run goes on from: the newest that is whole to its last byte."""

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from loghi_contract.checkpoint import (
    CHECKPOINT_FILE,
    EARLIER_FILE,
    NoCheckpoint,
    SavedReading,
    TrainingState,
    find_checkpoint,
    write_state,
)
from loghi_contract.events import Device, Started, Versions
from loghi_contract.places import LAST

STATE = TrainingState(
    run_id="run",
    epoch=3,
    step=2,
    loss_sum=0.1,
    lines_done=8,
    seconds=1.5,
    epochs=5,
    patient_from=0,
    best_epoch=2,
    best_cer=0.25,
    base_reading=SavedReading(("før", ""), 2.5),
    best_reading=None,
    scored_readings=(),
    lines_sha256="00",
    rows=(),
    started=Started(Versions("0.1.0", "3.15", "tensorflow 2", None), Device("cpu", "processor", None), 7),
)


def write(out: Path, name: str, state: TrainingState) -> Path:
    file = out / LAST / name
    file.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        write_state(archive, state)
        archive.writestr("network/0.npy", bytes(range(256)))
    return file


def test_the_newest_is_taken(tmp_path: Path) -> None:
    write(tmp_path, EARLIER_FILE, replace(STATE, epoch=2))
    newest = write(tmp_path, CHECKPOINT_FILE, STATE)

    found = find_checkpoint(tmp_path)

    assert (found.file, found.state, found.damaged) == (newest, STATE, ())


def test_one_that_was_cut_off_anywhere_is_passed_over_and_named(tmp_path: Path) -> None:
    earlier = write(tmp_path, EARLIER_FILE, replace(STATE, epoch=2))
    newest = write(tmp_path, CHECKPOINT_FILE, STATE)
    for size in range(newest.stat().st_size - 1, -1, -1):
        os.truncate(newest, size)

        found = find_checkpoint(tmp_path)

        assert (found.file, found.state.epoch) == (earlier, 2)
        assert found.damaged[0].startswith(CHECKPOINT_FILE)


def test_a_changed_byte_is_seen(tmp_path: Path) -> None:
    file = write(tmp_path, CHECKPOINT_FILE, STATE)
    content = bytearray(file.read_bytes())
    content[content.index(bytes(range(200, 210)))] ^= 1
    file.write_bytes(content)

    with pytest.raises(NoCheckpoint, match="damaged"):
        find_checkpoint(tmp_path)


def test_without_any_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(NoCheckpoint) as raised:
        find_checkpoint(tmp_path)

    assert raised.value.damaged == ()
