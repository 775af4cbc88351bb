"""Ctrl+C, SIGTERM and a closed terminal, as wishes that the run's loop looks at between two events."""

import signal
from types import FrameType

_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminated(BaseException):  # as KeyboardInterrupt: no `except Exception` is to hold it up
    """The system ends us; what would be left behind is removed on the way out."""


class Detached(Exception):  # not an error: the terminal was closed and the run goes on
    """The host leaves; the trainer goes on."""


def end_when_terminated() -> None:
    """From now on SIGTERM and a closed terminal unwind the program as Ctrl+C does, instead of killing it."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # under nohup a closed terminal stays ignored
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _unwind)


def _unwind(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


class StopWishes:
    """Counts the signals while it is entered; the previous handlers come back afterwards.

    `stops` is 1 when a clean end is wished for, 2 or more when the end is to come at once (Ctrl+C again).
    SIGTERM wishes for a clean end, however often it comes. A SIGHUP that was ignored before (nohup) stays ignored.
    """

    def __init__(self) -> None:
        self.stops = 0
        self.terminated = False
        self.hung_up = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> "StopWishes":
        for number in _HANDLED:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal returned
        self._before.clear()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        # nothing else here: printing or talking to a daemon inside a handler can deadlock
        if number == signal.SIGHUP:
            self.hung_up = True
        elif number == signal.SIGTERM:
            self.terminated = True
            self.stops = max(self.stops, 1)
        else:
            self.stops += 1
