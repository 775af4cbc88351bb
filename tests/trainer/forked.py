"""The trainer in a process of its own that need not load TensorFlow first: it is forked from one that has.

Loading takes four seconds of processor each time. What comes before it, and a start as users have it, is tried with
`python -m loghi_trainer` itself; test_training_runs holds that both train alike.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from loghi_contract.job import DeviceKind
from loghi_trainer.environment import environment_for
from tests.trainer.made_jobs import JobFolder

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["loghi_trainer.train", "loghi_trainer.reading"])


class ForkedTrainer:
    """As much of a `subprocess.Popen` as tests of the trainer ask for."""

    def __init__(self, job: JobFolder, before: Callable[[], object] = int) -> None:
        """Args:
        before: called in the process before the trainer begins; a function of a module, as it is sent there.
        """
        stdout = job.root / "stdout"
        os.mkfifo(stdout)
        self._process = _CONTEXT.Process(target=_train, args=(job.root, before))
        with pytest.MonkeyPatch.context() as patch:
            # the first start takes them along to what all are forked from
            for name, value in environment_for(DeviceKind.CPU).items():
                patch.setenv(name, value)
            self._process.start()
        self.stdout = stdout.open("rb")

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def communicate(self) -> None:
        with self.stdout:
            self.stdout.read()
        self._process.join()


def _train(root: Path, before: Callable[[], object]) -> None:
    os.setsid()
    os.environ["LOGHI_ROOT"] = str(root)
    for number, name in ((1, "stdout"), (2, "stderr")):
        with (root / name).open("wb") as file:
            os.dup2(file.fileno(), number)
    from loghi_trainer.__main__ import main

    before()
    sys.exit(main())
