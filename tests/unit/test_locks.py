"""Locks of folders: had by one, refused in words where the file system has none."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from loghi_runner.errors import EngineError
from loghi_runner.locks import FileLock, Timeout, take


def test_a_lock_is_had_by_one_and_given_back(tmp_path: Path) -> None:
    with take(FileLock(tmp_path / ".lock")), pytest.raises(Timeout):
        take(FileLock(tmp_path / ".lock"), timeout_s=0)
    take(FileLock(tmp_path / ".lock"), timeout_s=0).lock.release()


@pytest.mark.parametrize("code", [errno.ENOTSUP, errno.ENOLCK, errno.EINVAL])
def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refused(_descriptor: int, _operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(EngineError) as caught:
        take(FileLock(tmp_path / ".lock"), timeout_s=0)
    assert str(tmp_path / ".lock") in caught.value.message
    assert caught.value.where == str(tmp_path)


def test_a_place_where_no_file_can_be_is_no_matter_of_locks(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"exists|directory"):
        take(FileLock(tmp_path / "file" / ".lock"), timeout_s=0)
