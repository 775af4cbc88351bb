"""Whether a run's graphics cards still compute: a lost card says nothing, and its trainer waits for it for ever."""

import time
from collections.abc import Callable, Collection

from loghi_contract.events import Payload, Step
from loghi_contract.exit_codes import ExitCode
from loghi_runner.engines.nvml import lost_cards
from loghi_runner.runs.explain import lost_card
from loghi_runner.runs.folder import RunFailure
from loghi_runner.wording import duration

#: The code of the failure of a run that hangs.
HUNG = "gpu.hung"

#: The driver is asked for the cards when no step has come for so long.
_ASK_EVERY_S = 60.0
#: In the middle of an epoch the next step is waited for so long at least, and so many times as long as for any before.
_PATIENCE_S, _PATIENCE_TIMES = 600.0, 20


class CardWatch:
    """Looks at a run on graphics cards from one step to the next; of one on a processor it says nothing.

    Only between two steps of an epoch: the first step may compile for half an hour, and validation tells nothing.
    """

    def __init__(
        self,
        uuids: Collection[str],
        *,
        clock: Callable[[], float] = time.monotonic,
        lost: Callable[[Collection[str]], str] = lost_cards,
    ) -> None:
        self._uuids = uuids
        self._clock = clock
        self._lost = lost
        #: since when the next step of an epoch is waited for; None where no step is to come
        self._since_s: float | None = None
        self._longest_s = 0.0
        self._ask_s = 0.0
        self.failure: RunFailure | None = None

    def event(self, payload: Payload) -> None:
        """The trainer said something."""
        now = self._clock()
        if not isinstance(payload, Step):
            self._since_s = None
            return
        if self._since_s is not None:
            self._longest_s = max(self._longest_s, now - self._since_s)
        self._since_s = now if payload.step < payload.steps else None
        self._ask_s = now + _ASK_EVERY_S

    def has_failed(self) -> bool:
        """Whether the cards are gone or hang; `failure` says how."""
        if self.failure is None and self._uuids and self._since_s is not None and self._clock() >= self._ask_s:
            self._ask_s = self._clock() + _ASK_EVERY_S
            self.failure = self._fault(self._clock() - self._since_s)
        return self.failure is not None

    def _fault(self, silent_s: float) -> RunFailure | None:
        hung = RunFailure(
            HUNG,
            f"no training step has come for {duration(silent_s)}: the graphics card hangs; the run was ended",
            int(ExitCode.ENGINE),
            "`loghi-runner resume RUN` goes on from the last checkpoint. If it hangs again, show `loghi-runner gpus` "
            "and the kernel's log to the administrator.",
        )
        if said := self._lost(self._uuids):
            return lost_card(hung, said)
        return hung if silent_s >= max(_PATIENCE_S, _PATIENCE_TIMES * self._longest_s) else None
