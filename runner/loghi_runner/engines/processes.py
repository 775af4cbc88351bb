"""Names for processes of this machine that stay true after the process id was given to somebody else."""

import socket

import psutil

# the wall clock may be set after the start; a process id is not used again within seconds
_START_TOLERANCE_S = 10.0


def machine_name() -> str:
    return socket.gethostname()


def name_process(pid: int) -> str:
    """`pid:start time`, for a process that exists."""
    return f"{pid}:{psutil.Process(pid).create_time():.2f}"


def find_process(name: str) -> psutil.Process | None:
    """The living process of that name, None when it is gone."""
    pid, _, started = name.partition(":")
    try:
        process = psutil.Process(int(pid))
        if abs(process.create_time() - float(started)) > _START_TOLERANCE_S:
            return None
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except (psutil.NoSuchProcess, ValueError):
        return None
