"""Started in place of `python -m loghi_trainer`: has it forked by fork_server, and ends as it ends.

It passes on its folder, environment, standard output and error, the largest file it may write, and the signals that a
trainer gets.
"""

import json
import os
import resource
import signal
import socket
import sys

ADDRESS_VARIABLE = "LOGHI_FAKE_TRAINER_FORKS"


def main() -> int:
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(os.environ[ADDRESS_VARIABLE])
        given = {
            "folder": os.getcwd(),  # noqa: PTH109  # pathlib takes time
            "environment": dict(os.environ),
            "file_limit": resource.getrlimit(resource.RLIMIT_FSIZE),
        }
        socket.send_fds(server, [json.dumps(given).encode()], [1, 2])
        with server.makefile("rb") as answers:
            pid = int(answers.readline())
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda number, _frame: os.kill(pid, number))
            code = int(answers.readline())
    if code < 0:
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main())
