"""Which epoch a saved model is, as the file itself says it."""

import zipfile
from pathlib import Path

import pytest

from loghi_contract.saved_epoch import SavedEpoch, read_saved_epoch, with_saved_epoch


def write_model(path: Path, metadata: str | bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", metadata)
    return path


@pytest.mark.parametrize("saved", [SavedEpoch(0), SavedEpoch(12, 0.098)])
def test_a_file_says_the_epoch_that_was_written_into_it(tmp_path: Path, saved: SavedEpoch) -> None:
    path = write_model(tmp_path / "model.keras", with_saved_epoch(b'{"keras_version": "3.15.1"}', saved))
    assert read_saved_epoch(path) == saved


@pytest.mark.parametrize(
    "metadata",
    [
        b'{"keras_version": "3.9.2"}',
        b"[]",
        b"not json",
        b'{"loghi_runner": {"epoch": "one"}}',
        b'{"loghi_runner": 3}',
        b"[" * 100_000,
    ],
)
def test_a_file_of_others_says_nothing(tmp_path: Path, metadata: bytes) -> None:
    assert read_saved_epoch(write_model(tmp_path / "model.keras", metadata)) is None


def test_a_file_that_is_damaged_or_away_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    assert read_saved_epoch(path) is None
    path.write_bytes(b"PK half a zip")
    assert read_saved_epoch(path) is None
