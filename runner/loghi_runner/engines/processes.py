"""Names for processes of this machine that stay true after the process id was given to somebody else."""

import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

# for names by the wall clock only, which may be set after the start; a process id is not used again within seconds
_START_TOLERANCE_S = 10.0

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
#: Counted from the end of the program's name, which may hold blanks and brackets. Source: proc(5), field 22.
_START_TICKS = 22 - 3


@dataclass(frozen=True)
class Program:
    """A process as far as it may be seen: None where it may not, or where it is in a container that hides it."""

    pid: int
    user: str | None = None
    command: str | None = None

    def sentence(self) -> str:
        if self.command is None:
            return f"process {self.pid}, which cannot be seen from here"
        return f"{Path(self.command.split()[0]).name} of {self.user} (process {self.pid})"


def program_of(pid: int) -> Program:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            user = process.username()
            try:
                command = " ".join(process.cmdline()) or process.name()
            except psutil.AccessDenied:
                command = process.name()
    except (psutil.Error, OSError, KeyError):
        return Program(pid)
    return Program(pid, user, command)


def machine_name() -> str:
    return socket.gethostname()


def name_process(pid: int) -> str:
    """`pid:start ticks:boot id`, for a process that exists; no set clock and no restart makes it another's.

    Where the kernel does not tell these (macOS) it is `pid:start time`.
    """
    return f"{pid}:{_kernel_start(pid) or f'{psutil.Process(pid).create_time():.2f}'}"


def is_of_this_boot(name: str) -> bool:
    """Whether a process of that name was started here since this machine was started; assumed of one by the clock."""
    try:
        return is_by_clock(name) or name.rpartition(":")[2] == _boot_id()
    except OSError:
        return False  # nothing is named so where the kernel does not tell it


def is_by_clock(name: str) -> bool:
    """Whether a process is named by the wall clock: by an earlier version, or where nothing better is known."""
    return name.count(":") < 2


def find_process(name: str) -> psutil.Process | None:
    """The living process of that name, None when it is gone."""
    pid, _, started = name.partition(":")
    try:
        process = psutil.Process(int(pid))
        if is_by_clock(name):
            # written so that no number at all is never near
            is_same = abs(process.create_time() - float(started)) <= _START_TOLERANCE_S
        else:
            is_same = started == _kernel_start(process.pid)
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, ValueError, OverflowError):
        return None


def _kernel_start(pid: int) -> str | None:
    try:
        ticks = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[_START_TICKS]
        return f"{int(ticks)}:{_boot_id()}"
    except (OSError, IndexError, ValueError):
        return None


def _boot_id() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip()
