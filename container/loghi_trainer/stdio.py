"""Standard output belongs to the events: everything else that a library prints goes to standard error."""

import os
import sys
from typing import BinaryIO


def claim_stdout() -> BinaryIO:
    """Return the real stdout for events, and point fd 1 at fd 2 for everybody else.

    Call before any framework is imported: C++ code writes to fd 1 directly.
    """
    sys.stdout.flush()
    events = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return events
