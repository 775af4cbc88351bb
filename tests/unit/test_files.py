"""Files written whole or not at all, on file systems of every kind; names and reasons in words."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loghi_contract.storage import sync_file, sync_folder
from loghi_runner.errors import EngineError
from loghi_runner.files import (
    is_utf8,
    plain_path,
    safe_name,
    whole_file,
    why_not_written,
    write_atomically,
    write_together,
)
from loghi_runner.init import write_config, write_sample
from loghi_runner.runs.folder import cannot_write_run
from loghi_runner.runs.run_report import make_run_report
from tests.made_runs import make_run

LATIN1 = os.fsdecode(b"Caf\xe9")


def refuse_sync(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """A file system that does not take the order to sync: none such can be mounted here."""

    def refused(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refused)


def test_a_file_is_replaced_with_the_modes_that_the_umask_gives(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", "old")
    write_atomically(tmp_path / "a", "new")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").read_text() == "new"
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode
    with whole_file(tmp_path / "c", mode=0o600) as file:
        file.write(b"secret")
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a", "b", "c"]


def test_a_file_with_the_longest_name_is_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("x" * 255), "content")
    assert (tmp_path / ("x" * 255)).read_text() == "content"


def test_a_link_in_place_of_the_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "private").write_text("mine")
    (tmp_path / "a").symlink_to("private")
    write_atomically(tmp_path / "a", "new")
    assert (tmp_path / "private").read_text() == "mine"
    assert not (tmp_path / "a").is_symlink()


def test_what_fails_leaves_the_old_content_and_nothing_beside(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", "old")
    with pytest.raises(RuntimeError), whole_file(tmp_path / "a") as file:
        file.write(b"half")
        raise RuntimeError
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("a", "old")]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_share_that_does_not_know_the_order_to_sync_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    refuse_sync(monkeypatch, code)
    write_atomically(tmp_path / "a", "new")
    sync_folder(tmp_path)
    assert (tmp_path / "a").read_text() == "new"


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_could_not_take_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    write_atomically(tmp_path / "a", "old")
    refuse_sync(monkeypatch, code)
    with pytest.raises(OSError, match=os.strerror(code)):
        write_atomically(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old"
    with pytest.raises(OSError, match=os.strerror(code)):
        sync_file(0)


def test_several_files_are_all_replaced_or_none() -> None:
    """With a real limit on the size of files, in a process of its own."""
    code = """
import pathlib, resource, signal, sys, tempfile
from loghi_runner.files import write_together
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = pathlib.Path(tempfile.mkdtemp())
write_together({folder / "a": "old a", folder / "b": "old b"})
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_together({folder / "a": "new a", folder / "b": "x" * 2000, folder / "c": "new c"})
except OSError:
    print({each.name: each.read_text() for each in sorted(folder.iterdir())})
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "{'a': 'old a', 'b': 'old b'}\n"


def test_why_nothing_can_be_written_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not_written(OSError(errno.EDQUOT, "x"), tmp_path) == "the disk quota is used up"
    assert why_not_written(OSError(errno.ENOSPC, "x"), tmp_path) == "no space is left on the disk"
    assert why_not_written(OSError(errno.EROFS, "read-only"), tmp_path) == "read-only"
    real_statvfs, real = os.statvfs, os.statvfs(tmp_path)
    full = os.statvfs_result([*real[:4], 1, real[5], 0, 0, *real[8:]])
    monkeypatch.setattr(os, "statvfs", lambda place: full if place.exists() else real_statvfs(place))
    assert "inodes" in why_not_written(OSError(errno.ENOSPC, "x"), tmp_path)
    assert "inodes" in cannot_write_run(OSError(errno.ENOSPC, "x"), tmp_path / "runs" / "not made").message


def test_a_name_that_is_no_utf8_can_be_told_and_written_about(tmp_path: Path) -> None:
    assert not is_utf8(Path(LATIN1))
    assert is_utf8(Path("Café"))
    assert safe_name(LATIN1) == "Cafxe9"
    write_atomically(tmp_path / "a.json", json.dumps({"name": LATIN1}, ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"name": LATIN1}


def test_nobody_can_lay_a_link_at_the_name_beside(tmp_path: Path) -> None:
    (tmp_path / "private").write_text("mine")
    for name in (f".a.{os.getpid()}", ".a.new"):
        (tmp_path / name).symlink_to("private")
    write_together({tmp_path / "a": "new"})
    assert (tmp_path / "private").read_text() == "mine"


def test_what_cannot_be_written_has_one_code_whatever_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder, record = make_run(tmp_path)
    folder.report_file.mkdir()
    attempts = (
        lambda: make_run_report(folder, record),
        lambda: write_config(tmp_path / "file" / "config.yaml", None, force=True),
        lambda: write_sample(tmp_path / "file" / "sample"),
    )
    for attempt in attempts:
        with pytest.raises(EngineError) as caught:
            attempt()
        assert caught.value.code == "output.cannot_write"
        assert caught.value.where


def test_a_detour_goes_from_a_path_unless_a_link_makes_it_another_place(tmp_path: Path) -> None:
    (tmp_path / "far/away").mkdir(parents=True)
    (tmp_path / "near").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far/away")

    assert plain_path(tmp_path / "near/../far/./away") == tmp_path / "far/away"
    assert plain_path(tmp_path / "link/../away") == tmp_path / "link/../away"
    assert plain_path(tmp_path / "link") == tmp_path / "link"
