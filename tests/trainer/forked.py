"""The trainer in a process of its own that need not load TensorFlow first: it is forked from one that has.

Loading takes three seconds of processor each time. What comes before it, and a start as users have it, is tried with
`python -m loghi_trainer` itself; test_training_runs holds that both train alike.

This is also the program that has TensorFlow loaded: `python -m tests.trainer.forked ADDRESS`.
"""

import atexit
import json
import os
import pickle
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingUnixStreamServer
from typing import Any  # JSON values have no narrower type

from loghi_contract.job import DeviceKind
from loghi_contract.places import ROOT_VARIABLE
from loghi_runner.engines.local import TEST_TRAINER_VARIABLE
from loghi_trainer.environment import environment_for
from tests.trainer.made_jobs import JobFolder
from tests.trainer.start_forked import ADDRESS_VARIABLE

REPOSITORY = Path(__file__).parents[2]
START_FORKED = Path(__file__).with_name("start_forked.py")
_READY = b"ready\n"
_LONGEST_REQUEST = 1 << 20
_BEFORE_VARIABLE = "LOGHI_FORKED_BEFORE"
_NOTHING = pickle.dumps(int).hex()


@cache
def forking() -> dict[str, str]:
    """With these variables the engine `local` has trainers forked, too; what forks them lives as long as the caller."""
    folder = tempfile.TemporaryDirectory()
    address = str(Path(folder.name) / "forks")
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "runner"), str(REPOSITORY / "container")])
    command = [sys.executable, "-m", "tests.trainer.forked", address]
    environment = os.environ | environment_for(DeviceKind.CPU) | {"PYTHONPATH": path}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    ends_with_us = process.stdin
    with process.stdout:
        assert process.stdout.readline() == _READY

    @atexit.register
    def end() -> None:
        ends_with_us.close()
        process.wait()
        folder.cleanup()

    return {ADDRESS_VARIABLE: address, TEST_TRAINER_VARIABLE: str(START_FORKED)}


def start_forked(job: JobFolder, before: Callable[[], object] = int) -> "subprocess.Popen[bytes]":
    """A trainer that does this job.

    Args:
        before: called in its process before it begins; a function of a module, as it is sent there.
    """
    told = {ROOT_VARIABLE: str(job.root), _BEFORE_VARIABLE: pickle.dumps(before).hex()}
    environment = os.environ | forking() | told
    with (job.root / "stderr").open("wb") as stderr:
        return subprocess.Popen([sys.executable, START_FORKED], env=environment, stdout=subprocess.PIPE, stderr=stderr)


class _Handler(BaseRequestHandler):
    def handle(self) -> None:
        said, files, _flags, _address = socket.recv_fds(self.request, _LONGEST_REQUEST, 2)
        pid = os.fork()
        if pid == 0:
            _train(json.loads(said), files)
        for file in files:
            os.close(file)
        self.request.sendall(b"%d\n" % pid)
        ended = os.pidfd_open(pid)
        readable, _, _ = select.select([ended, self.request], [], [])
        os.close(ended)
        if ended not in readable:
            os.kill(pid, signal.SIGKILL)  # whoever asked for it was killed
        _, status = os.waitpid(pid, 0)
        with suppress(ConnectionError):
            self.request.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _train(given: dict[str, Any], files: list[int]) -> None:
    """Be the trainer, in the folder and with the output of whoever asked for it; this returns to nobody."""
    code = 1
    try:
        os.setsid()
        os.chdir(given["folder"])
        os.environ.clear()
        os.environ.update(given["environment"])
        resource.setrlimit(resource.RLIMIT_FSIZE, tuple(given["file_limit"]))
        for number, file in enumerate(files, start=1):
            os.dup2(file, number)
            os.close(file)
        from loghi_trainer.__main__ import main

        pickle.loads(bytes.fromhex(os.environ.get(_BEFORE_VARIABLE, _NOTHING)))()
        code = main()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _main() -> None:
    import loghi_trainer.reading
    import loghi_trainer.train  # noqa: F401  # what this program is for

    with ThreadingUnixStreamServer(sys.argv[1], _Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
        sys.stdout.buffer.write(_READY)
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    _main()
