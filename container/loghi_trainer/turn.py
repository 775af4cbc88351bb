"""A sign of life for those who cannot see this process, and its end once the run has become another trainer's.

On a shared disk a run goes on elsewhere when nothing was heard of its machine. A trainer that was only asleep (a
machine suspended, a network cut off) must write nothing when it wakes: its job is another's by then.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable

from loghi_contract.exit_codes import ExitCode
from loghi_contract.files import open_plain
from loghi_contract.places import BEAT_FILE, JOB_FILE, Places

_BEAT_EVERY_S = 10.0
_LOOK_EVERY_S = 1.0


class Turn:
    """The time in which the run is this trainer's: from its start until somebody else is told its job."""

    def __init__(self, places: Places, *, leave: Callable[[int], object] = os._exit) -> None:
        self._job_file = places.real(JOB_FILE)
        self._beat_file = places.out / BEAT_FILE
        self._leave = leave
        self._told = self._job_now()
        self._is_over = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="beat", daemon=True)

    def begin(self) -> None:
        self._touch()
        self._beating.start()

    def require(self) -> None:
        """End this process at once, without a word in the run's record, where the run is another trainer's."""
        now = self._job_now()
        if now is not None and now != self._told:
            sys.stderr.write("another trainer goes on with this run, perhaps on another machine: this one ends\n")
            sys.stderr.flush()
            self._leave(ExitCode.ENGINE)

    def end(self) -> None:
        """After the last event, which tells more than a sign of life."""
        self._is_over.set()
        self._beating.join(_LOOK_EVERY_S)  # a disk that does not answer holds up nobody
        with contextlib.suppress(OSError):
            self._beat_file.unlink(missing_ok=True)

    def _beat(self) -> None:
        looks = 0
        while not self._is_over.wait(_LOOK_EVERY_S):
            self.require()
            looks += 1
            if looks % round(_BEAT_EVERY_S / _LOOK_EVERY_S) == 0:
                self._touch()

    def _touch(self) -> None:
        # a disk that takes it no more makes this trainer look dead, which is checked again before anyone takes its turn
        with contextlib.suppress(OSError):
            self._beat_file.touch()

    def _job_now(self) -> tuple[int, int] | None:
        """What tells this job from one that was put in its place; None where it cannot be seen, as on a removed folder.

        It is opened: only then does a network disk ask what is there now.
        """
        try:
            with open_plain(self._job_file) as file:
                facts = os.fstat(file.fileno())
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_size
