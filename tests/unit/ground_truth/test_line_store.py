"""A page's folder of line images is put in its place, whatever the file system refuses."""

import errno
import os
from pathlib import Path

import pytest

from loghi_runner.ground_truth.line_store import CutLineFile, PageRecord, cut_in, install, read_record


def made(folder: Path, made_from: str, *names: str) -> tuple[Path, PageRecord]:
    fresh = folder / f".{made_from}.new"
    fresh.mkdir()
    for name in names:
        (fresh / f"{name}.png").write_text(made_from)
        (fresh / f"{name}.txt").write_text(made_from)
    return fresh, PageRecord(made_from, tuple(CutLineFile(name, f"{name}.png", 1, 1) for name in names), ())


def contents(folder: Path) -> dict[str, str]:
    return {each.name: each.read_text() for each in folder.iterdir() if each.suffix == ".png"}


def test_an_earlier_folder_is_replaced_and_files_of_others_stay(tmp_path: Path) -> None:
    install(*made(tmp_path, "first", "a", "b"), tmp_path / "p")
    (tmp_path / "p" / "notes.txt").write_text("mine")
    install(*made(tmp_path, "second", "b", "c"), tmp_path / "p")
    assert contents(tmp_path / "p") == {"b.png": "second", "c.png": "second"}
    assert (tmp_path / "p" / "notes.txt").read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == ["p"]


def test_a_damaged_record_is_no_record_and_the_page_is_made_anew(tmp_path: Path) -> None:
    install(*made(tmp_path, "first", "a"), tmp_path / "p")
    (tmp_path / "p" / "page.json").write_text("[" * 60_000)
    assert read_record(tmp_path / "p") is None
    assert cut_in(tmp_path / "p") is None
    install(*made(tmp_path, "second", "a"), tmp_path / "p")
    assert contents(tmp_path / "p") == {"a.png": "second"}


def test_where_folders_cannot_be_renamed_the_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that refuses it, as Windows' under Linux does while a program looks at the folder."""
    rename = os.replace

    def refused(source: Path, target: Path) -> None:
        if Path(source).is_dir():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source))
        rename(source, target)

    monkeypatch.setattr(os, "replace", refused)
    install(*made(tmp_path, "first", "a"), tmp_path / "p")
    assert contents(tmp_path / "p") == {"a.png": "first"}
    record = read_record(tmp_path / "p")
    assert record is not None
    assert record.made_from == "first"
    assert [each.name for each in tmp_path.iterdir()] == ["p"]
