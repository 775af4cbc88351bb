"""The program in the test image, in place of the trainer: does what /in/job/mode says and writes what it saw.

Standard library only; it reports what the container lets it do.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path

OUT = Path("/out")


def main() -> int:
    mode = Path("/in/job/mode").read_text().strip()
    print(f"probe: {mode}", file=sys.stderr, flush=True)
    print('{"kind": "this is standard output"}', flush=True)
    if mode == "report":
        (OUT / "report.json").write_text(json.dumps(report()))
        return 0
    if mode == "wait":
        return wait_for_interrupt()
    if mode == "grow":
        return grow()
    return int(mode)


def report() -> dict[str, object]:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "capabilities": status["CapEff"].strip(),
        "bounding": status["CapBnd"].strip(),
        "no_new_privileges": status["NoNewPrivs"].strip(),
        "interfaces": sorted(name for _, name in socket.if_nameindex()),
        "connect": refusal(lambda: socket.create_connection(("192.0.2.1", 80), timeout=2)),
        "write_root": refusal(lambda: Path("/opt/new").write_text("x")),
        "write_data": refusal(lambda: Path("/in/data/0/new").write_text("x")),
        "write_job": refusal(lambda: Path("/in/job/new").write_text("x")),
        "write_tmp": refusal(lambda: Path("/tmp/new").write_text("x")),
        "data": sorted(path.name for path in Path("/in/data/0").iterdir()),
        "write_kernel_cache": refusal(lambda: Path("/cuda_cache/new").write_text("x")),
        "kernel_cache": os.environ.get("CUDA_CACHE_PATH"),
        "cards": os.environ.get("NVIDIA_VISIBLE_DEVICES"),
        "devices": sorted(path.name for path in Path("/dev").glob("nvidia*")),
        "terminal": sys.stdin.isatty() or sys.stderr.isatty(),
        "home": os.environ.get("HOME"),
        "shared_memory_mb": os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize >> 20,
        "first_process": Path("/proc/1/comm").read_text().strip(),
    }


def refusal(attempt: object) -> str:
    """The name of the error, or "allowed"."""
    try:
        attempt()  # type: ignore[operator]
    except OSError as error:
        return os.strerror(error.errno) if error.errno else type(error).__name__
    return "allowed"


def wait_for_interrupt() -> int:
    signal.signal(signal.SIGINT, lambda *_: None)
    (OUT / "ready").write_text("")
    signal.pause()
    return 130


def grow() -> int:
    """Fill the memory once the test has set a limit."""
    signal.signal(signal.SIGINT, lambda *_: None)
    (OUT / "ready").write_text("")
    signal.pause()
    blocks = []
    while True:
        blocks.append(os.urandom(1 << 20))


sys.exit(main())
