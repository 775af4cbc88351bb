"""`python -m tests.card_load`: twenty runs at once on a stand-in pair of cards; then with some of them killed.

It tells what was shared or left behind, which is to be nothing, and what waiting costs.
"""

import os
import random
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.card_place import CardPlace

_RUNS = 20
_WATCHED_S = 20.0


def in_order(folder: Path) -> list[str]:
    """What went wrong with runs that nobody disturbs."""
    place = CardPlace(folder)
    try:
        place.hold()
        started = [place.start_and_wait_for("running" if n < 2 else "queued") for n in range(_RUNS)]
        waiting = [psutil.Process(host) for host, _record in started[2:]]
        before = sum(sum(process.cpu_times()[:2]) for process in waiting)
        time.sleep(_WATCHED_S)
        used = sum(sum(process.cpu_times()[:2]) for process in waiting) - before
        print(f"{len(waiting)} runs that wait take {100 * used / _WATCHED_S:.1f} % of one core together")
        begun = time.monotonic()
        place.let_go()
        codes = [place.ended(host) for host, _record in started]
        print(f"{_RUNS} runs on 2 cards ended within {time.monotonic() - begun:.1f} s once they could")
        wrong = [f"exit codes {codes}"] if any(codes) else []
        if place.overtaken([record["run_id"] for _host, record in started]) >= len(place.cards):
            wrong.append("not in order")
        return [*wrong, *_shared_or_left(place)]
    finally:
        place.close()


def with_kills(folder: Path, seed: int) -> list[str]:
    """The same when hosts and trainers are killed: all others finish."""
    chance = random.Random(seed)
    place = CardPlace(folder)
    try:
        hosts = [place.start() for _run in range(_RUNS)]
        for _kill in range(8):
            time.sleep(chance.uniform(0.1, 0.6))
            living = [pid for pid in hosts if pid in place.hosts and psutil.Process(pid).status() != "zombie"]
            victims = [*living, *place.trainers()]
            if victims:
                try:
                    place.kill(chance.choice(victims))
                except ProcessLookupError:
                    continue  # it ended in this moment
        codes = [place.ended(host) for host in list(place.hosts)]
        place.until(lambda: not place.trainers() or None)
        print(f"{len(codes)} of {_RUNS} hosts lived; exit codes {sorted(codes)}")
        listed = place.place.run("runs", "--json")
        wrong = ["a run is not over"] if '"queued"' in listed.stdout or '"running"' in listed.stdout else []
        wrong += [f"exit code {code}" for code in codes if code not in (0, 4)]
        with_dead = [use for use in place.uses() if use.end_ns is not None]
        print(f"{len(with_dead)} trainers came to their end")
        wrong += [f"{shared} times a card was shared"] if (shared := place.shared_cards()) else []
        return [*wrong, *[name for name in place.leftovers() if name.startswith("trainer")]]
    finally:
        place.close()


def _shared_or_left(place: CardPlace) -> list[str]:
    shared = place.shared_cards()
    return [*([f"{shared} times a card was shared"] if shared else []), *place.leftovers()]


def main() -> int:
    wrong = []
    with tempfile.TemporaryDirectory(prefix="card-load-") as folder:
        wrong += in_order(Path(folder) / "in_order")
        seed = int.from_bytes(os.urandom(4))
        print(f"seed {seed}")
        wrong += with_kills(Path(folder) / "with_kills", seed)
    for sentence in wrong:
        print(f"WRONG: {sentence}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
