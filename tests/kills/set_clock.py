"""A program whose wall clock is set while it runs, by the seconds that a file holds; a stand-in for a set machine.

    LOGHI_FAKE_CLOCK=FILE python tests/kills/set_clock.py MODULE ARGUMENT...

Without a module it is the trainer, as the engine `local` starts it in the trainer's place.
"""

import os
import runpy
import sys
import time
from pathlib import Path

OFFSET_VARIABLE = "LOGHI_FAKE_CLOCK"


def set_clock() -> None:
    offset_file = Path(os.environ[OFFSET_VARIABLE])
    now, in_utc = time.time, time.gmtime

    def offset_s() -> float:
        try:
            return float(offset_file.read_text(encoding="ascii"))
        except (OSError, ValueError):  # it is being written
            return 0.0

    time.time = lambda: now() + offset_s()
    time.gmtime = lambda seconds=None: in_utc(time.time() if seconds is None else seconds)


if __name__ == "__main__":
    set_clock()
    module, *arguments = sys.argv[1:] or ["loghi_trainer"]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
