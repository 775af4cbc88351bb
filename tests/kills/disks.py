"""Disks of one's own that fail while a run writes: mounted from memory or from a file, which takes root."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loghi_runner.runs.folder import RunFolder

_SIZE = 500_000_000
#: Enough for the next best_val of the sample's model, and not for a checkpoint.
_NEARLY_BYTES = 7_000_000
_UNMOUNT_S = 30.0


class NotHere(Exception):
    """The machine, or this account, has no such disk; the message says why."""


class Disk:
    """A file system at a new folder, in memory; `output` is where a run writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "runs"
        folder.mkdir()
        self.mount()

    def mount(self) -> None:
        _call("mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(self.folder))

    def fail(self, run: RunFolder) -> None:
        """The fault begins."""

    def stay_failed(self) -> None:
        """Called again and again while the run goes on."""

    def mend(self, run: RunFolder) -> None:
        """The fault is over, and nobody works here any more."""

    def end(self) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=False, capture_output=True)
        self.folder.rmdir()


class Full(Disk):
    """`left` bytes are free; others go on, and take what the run gives back."""

    left = 0

    def fail(self, run: RunFolder) -> None:
        self._fill()

    def stay_failed(self) -> None:
        self._fill()

    def mend(self, run: RunFolder) -> None:
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def _fill(self) -> None:
        with self._filler.open("ab") as file, contextlib.suppress(OSError):
            # bit by bit, as the run takes some of it, too
            while (free := shutil.disk_usage(self.folder).free - self.left) > 0:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, max(free // 2, 4096))


class NearlyFull(Full):
    left = _NEARLY_BYTES

    def stay_failed(self) -> None:
        """What the run gives back is its own."""


class NoInode(Disk):
    """There is room, and no further file can be made."""

    def fail(self, run: RunFolder) -> None:
        used = _call("df", "--output=iused", str(self.folder)).split()[-1]
        _call("mount", "-o", f"remount,nr_inodes={used}", str(self.folder))

    def mend(self, run: RunFolder) -> None:
        _call("mount", "-o", "remount,nr_inodes=100000", str(self.folder))


class FileInPlace(Disk):
    """Where the checkpoints were is a file."""

    def fail(self, run: RunFolder) -> None:
        run.last.rename(self.folder / "last")
        run.last.touch()

    def mend(self, run: RunFolder) -> None:
        run.last.unlink()
        (self.folder / "last").rename(run.last)


class _FromFile(Disk):
    """A file system in a file."""

    make: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        return self.folder.with_suffix(".image")

    def mount(self) -> None:
        with self.file.open("wb") as file:
            file.truncate(_SIZE)
        _call(*self.make, str(self.file))
        _call("mount", "-o", "loop", str(self.file), str(self.folder))

    def end(self) -> None:
        super().end()
        self.file.unlink()


class OverQuota(_FromFile):
    """What the output may take is taken; btrfs is what has quotas here whatever the kernel was made with."""

    make = ("mkfs.btrfs", "--quiet")

    def mount(self) -> None:
        super().mount()
        _call("btrfs", "quota", "enable", str(self.folder))
        _call("btrfs", "subvolume", "create", str(self.output))

    def fail(self, run: RunFolder) -> None:
        os.sync()
        _group, used, *_ = self._shown()
        self._limit(used)

    def mend(self, run: RunFolder) -> None:
        self._limit("none")

    def _limit(self, most: str) -> None:
        # named at the root, which has no quota: in a full group not even its limit can be written
        _call("btrfs", "qgroup", "limit", most, self._shown()[0], str(self.folder))

    def _shown(self) -> list[str]:
        """The output's group, and the bytes that it takes."""
        return _call("btrfs", "qgroup", "show", "--raw", "-F", str(self.output)).splitlines()[-1].split()


class ReadOnly(_FromFile):
    """The kernel meets a fault and lets nothing be written any more, as it does on a disk that dies.

    `mount -o remount,ro` is refused as long as a file is open for writing, as the run's events are.
    """

    make = ("mkfs.ext4", "-q")

    def mount(self) -> None:
        super().mount()
        _call("mount", "-o", "remount,errors=remount-ro", str(self.folder))

    def fail(self, run: RunFolder) -> None:
        device = _call("findmnt", "--noheadings", "--output", "SOURCE", str(self.folder)).strip()
        (Path("/sys/fs/ext4") / Path(device).name / "trigger_fs_error").write_text("1")

    def mend(self, run: RunFolder) -> None:
        deadline = time.monotonic() + _UNMOUNT_S
        while subprocess.run(["umount", self.folder], capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise NotHere(f"somebody still works in {self.folder}")
            time.sleep(0.1)
        # 1: it has mended something
        subprocess.run(["e2fsck", "-fy", self.file], capture_output=True, check=False)
        _call("mount", "-o", "loop", str(self.file), str(self.folder))


@contextmanager
def mounted(kind: type[Disk], folder: Path) -> Iterator[Disk]:
    """Raises NotHere."""
    disk = None
    try:
        disk = kind(folder)
        yield disk
    finally:
        if disk is not None:
            disk.end()
        elif folder.exists():
            subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)
            folder.rmdir()


def _call(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise NotHere(f"{command[0]} is not installed") from error
    if done.returncode != 0:
        raise NotHere(f"{' '.join(command[:3])}: {done.stderr.strip()}")
    return done.stdout
