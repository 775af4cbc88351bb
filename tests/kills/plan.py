"""Who is killed, how, and when."""

import itertools
import random
from dataclasses import dataclass

from tests.kills.marked_trainer import LAST_POINTS, POINTS

TRAINER, HOST, BOTH = "trainer", "host", "both"
#: When a kill comes: at any time; early; while a model is written; after one was announced; after the last event.
ANY, STARTING, SAVING, ANNOUNCED, ENDING = "any time", "starting", "saving", "announced", "ending"


@dataclass(frozen=True)
class Kill:
    """`at` is an exact point of a save, such as `placed 2`, where the trainer kills itself; else it is "".

    A signal `INT INT` is Ctrl+C twice.
    """

    victim: str
    signal: str
    moment: str
    at: str = ""

    def __str__(self) -> str:
        return (
            f"{self.signal} to the {self.victim}, {self.moment}" if not self.at else f"KILL of the trainer, {self.at}"
        )


EXACT = tuple(Kill(TRAINER, "KILL", f"{point} {save}", f"{point} {save}") for save in (1, 2) for point in POINTS)
EXACT += tuple(Kill(TRAINER, "KILL", f"{point} 2", f"{point} 2") for point in LAST_POINTS)
_SIGNALS = (
    Kill(TRAINER, "TERM", ANY),
    Kill(HOST, "TERM", ANY),
    Kill(BOTH, "TERM", SAVING),
    Kill(TRAINER, "INT", ANY),
    Kill(HOST, "INT", SAVING),
    Kill(HOST, "INT INT", ANY),
    Kill(TRAINER, "HUP", ANY),
    Kill(HOST, "HUP", ANY),
    Kill(BOTH, "HUP", SAVING),
    Kill(TRAINER, "STOP", ANY),
    Kill(HOST, "STOP", ANY),
)
_KILLS = tuple(
    Kill(victim, "KILL", moment)
    for moment in (SAVING, ANY, ENDING, STARTING, ANNOUNCED)
    for victim in (TRAINER, HOST, BOTH)
)


def make_plan(count: int, seed: int) -> list[Kill]:
    """So many kills in an order of chance: each exact point and each signal once, the others SIGKILL at any moment."""
    kills = [*EXACT, *_SIGNALS, *itertools.islice(itertools.cycle(_KILLS), max(0, count - len(EXACT) - len(_SIGNALS)))]
    random.Random(seed).shuffle(kills)
    return kills[:count]
