"""One started trainer: whether it has ended, and the user's wishes passed on to it."""

import time
from collections.abc import Callable
from dataclasses import replace

from loghi_runner.engines.base import Engine, Handle, ProcessEnd, Signal
from loghi_runner.errors import EngineError
from loghi_runner.runs.conclude import Stops
from loghi_runner.runs.signals import Detached, StopWishes

#: Between two looks at a trainer.
PAUSE_S = 0.1
#: After its last event the trainer only closes files; what takes longer hangs.
_LAST_EVENT_GRACE_S = 60.0


class Watch:
    """One started trainer. `stops` tells what was done to it."""

    def __init__(
        self,
        engine: Engine,
        handle: Handle,
        wishes: StopWishes,
        note: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._engine = engine
        self._handle = handle
        self._wishes = wishes
        self._note = note
        self._clock = clock
        self._sleep = sleep
        self._end: ProcessEnd | None = None
        self._ask_at_s = 0.0
        self.stops = Stops()

    def has_ended(self) -> bool:
        """Whether the process is gone, as the engine said lately.

        Raises:
            EngineError: the engine does not answer; the run may go on all the same.
        """
        if self._clock() < self._ask_at_s:
            return self._end is not None
        return self._ask()

    def pause(self) -> None:
        """Wait a little. Raises Detached."""
        self.pass_on_wishes()
        self._sleep(PAUSE_S)

    def pass_on_wishes(self) -> None:
        """Ask the trainer to end, or end it, when the user wants so. Raises Detached."""
        if self._wishes.hung_up:
            raise Detached
        if self._wishes.stops >= 1 and not self.stops.asked:
            self.stops = replace(self.stops, asked=True, terminated=self._wishes.terminated)
            # done first, told afterwards: the key press may have ended the reader of what we tell, too
            try:
                self._engine.signal(self._handle, Signal.INTERRUPT)
            except EngineError as error:
                # the run goes on; a second Ctrl+C tries harder
                self._note(f"it could not be asked to stop: {error.message}")
            else:
                self._note("stopping after this step; Ctrl+C again ends at once")
        if self._wishes.stops >= 2 and not self.stops.killed:
            self.stops = replace(self.stops, killed=True)
            self.kill()
            self._note("ending at once")

    def kill(self) -> None:
        self._engine.signal(self._handle, Signal.KILL)

    def wait_for_end(self) -> ProcessEnd:
        """How the process ended; it is killed when it does not end by itself soon. Raises Detached.

        One that a kill does not end, as the kernel waits for a card that is gone, is left as it is.
        """
        deadline = self._clock() + _LAST_EVENT_GRACE_S
        is_killed = False
        while not self._ask():
            if self._clock() > deadline:
                if is_killed:
                    break
                self.kill()
                is_killed = True
                deadline += _LAST_EVENT_GRACE_S
            self.pause()
        return self._end or ProcessEnd(None)

    def _ask(self) -> bool:
        if self._end is None:
            self._end = self._engine.poll(self._handle)
            self._ask_at_s = self._clock() + self._engine.poll_every_s
        return self._end is not None
