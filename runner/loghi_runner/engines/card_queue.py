"""The cards of a run: chosen for its plan, and taken when it starts, in turn with everybody who waits for the same."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_runner.clock import utc_now
from loghi_runner.engines import leases, nvml
from loghi_runner.engines.base import Launch, Wish
from loghi_runner.engines.gpus import Card, Cards, DeviceChoice, choose_device, find_candidates
from loghi_runner.engines.processes import program_of
from loghi_runner.errors import EngineError
from loghi_runner.wording import local_time, plural, shown

#: How often leases are looked at while a run waits; that costs less than a millisecond.
LOOK_EVERY_S = 1.0
#: The driver takes longer to answer: it is asked by whoever is next, and now and then by those behind.
_ASK_EVERY_S, _ASK_BEHIND_EVERY_S = 1.0, 15.0
#: Whoever is next and does not take a free card for so long is passed by: it was stopped (Ctrl+Z), or lacks memory.
_PATIENCE_S = 30.0
#: After so long the ways to go on without waiting are told.
_ADVICE_AFTER_S = 600.0
_NAMED = 4

_ADVICE = (
    "to go on without waiting, end it and write `gpus: none` (the processor) or the UUID of another card under "
    "`engine`; `gpus: auto-or-cpu` never waits"
)


@dataclass(frozen=True)
class Waiting:
    """How a run waits: its place among all that wait for the same cards, since when, and who has them.

    `reason` names accounts and programs of this machine; `summary` names nobody.
    """

    position: int
    of: int
    since: str
    summary: str
    reason: str
    advice: str | None = None

    def sentence(self) -> str:
        place = f"waiting for a graphics card, place {self.position} of {self.of}: {self.reason}"
        return f"{place}; {self.advice}" if self.advice else place


def choose_here(wish: Wish, why_not: str = "") -> DeviceChoice:
    """What a run would compute on, by this machine's cards and leases as they are now; as `choose_device`."""
    found = nvml.list_cards()
    leased: frozenset[str] = frozenset()
    if found.cards and wish.gpus != "none" and not why_not:
        with suppress(EngineError):  # told when the cards are taken
            folder = leases.lease_folder()
            with folder.deciding():
                leased = folder.leased(card.uuid for card in found.cards)
    return choose_device(wish.gpus, found, why_not, leased=leased, wait=wish.wait)


def runs_at_once(wish: Wish) -> int:
    """How many runs with this wish can have cards of this machine at the same time, were nobody else here."""
    if wish.gpus == "none":
        return 0
    try:
        candidates, count = find_candidates(wish.gpus, nvml.list_cards())
    except EngineError:
        return 0
    return len(candidates) // count


def take_cards(launch: Launch, told: Callable[[Waiting], None], pause: Callable[[], None]) -> leases.Lease | None:
    """The cards of a run, all at once; it waits for them if need be, and has none of them meanwhile.

    Args:
        told: called when it begins to wait, and when anything about that changes.
        pause: called between two looks; it may raise what ends the waiting, of which nothing is left then.

    Returns:
        None where the run is to go on the processor rather than wait (`auto-or-cpu`).

    Raises:
        EngineError: there can be no leases; so many of the cards are not there any more; or it is not to wait.
    """
    queue = CardQueue(launch)
    try:
        before = None
        while (lease := queue.look()) is None:
            waiting = queue.waiting()
            if launch.wish.gpus == "auto-or-cpu":
                queue.leave()
                return None
            if not launch.wish.wait:
                message = f"no card is free for this run, and it does not wait: {waiting.reason}"
                hint = "Without `--no-wait` it waits for its turn; `loghi-runner gpus` shows who has which card."
                raise EngineError("gpu.in_use", message, where="engine.gpus", hint=hint)
            if waiting != before:
                told(waiting)
                before = waiting
            pause()
    except BaseException:
        queue.leave()
        raise
    return lease


def find_waiter(run_id: str) -> int | None:
    """The process of ours in which this run waits, as its living ticket says; None where it does not wait (any more).

    Raises:
        EngineError: the leases cannot be looked at.
    """
    folder = leases.lease_folder()
    with folder.deciding():
        ours = [ticket for ticket in leases.in_order(folder.tickets()) if ticket.uid == os.geteuid()]
    return next((ticket.claim.pid for ticket in ours if ticket.claim.run_id == run_id), None)


class CardQueue:
    """A run's place in the queue, until `look` gives it its cards or it leaves."""

    def __init__(
        self,
        launch: Launch,
        *,
        clock: Callable[[], float] = time.monotonic,
        cards: Callable[[], Cards] | None = None,
    ) -> None:
        self._launch = launch
        self._clock = clock
        self._list_cards = cards or nvml.list_cards
        self._began_s = clock()
        self._folder = leases.lease_folder()
        run_dir = str(launch.run_dir)
        self._claim = leases.Claim(launch.run_id, run_dir, os.getpid(), utc_now(), launch.candidates, launch.count)
        self._tickets: list[leases.Ticket] = []
        self._cards: dict[str, Card] = {}
        self._leased: set[str] = set()
        self._ask_s = 0.0
        self._was_next = False
        #: since when tickets before this one could have taken cards and did not, and those that are passed by
        self._idle: dict[Path, float] = {}
        self._passed: set[Path] = set()
        with self._folder.deciding():
            self._path, self._held = self._folder.place(self._claim)

    def look(self) -> leases.Lease | None:
        """The run's cards, if it is its turn and they are free.

        Raises:
            EngineError: so many of the cards are not there any more.
        """
        try:
            if not self._shall_ask():
                return None
            return self._take(self._free_by_driver())
        except EngineError as error:
            if error.code == "gpu.gate_held" and self._tickets:
                return None  # it may be given back: what was waited for so long is not given up for it
            raise

    def leave(self) -> None:
        """Wait no more."""
        with suppress(OSError):
            self._path.unlink()
        leases.close_all([self._held])

    def waiting(self) -> Waiting:
        """How it stood at the last look."""
        rivals = [
            ticket for ticket in leases.in_order(self._tickets) if set(ticket.claim.wants) & set(self._claim.wants)
        ]
        place = next((number for number, ticket in enumerate(rivals, 1) if ticket.path == self._path), len(rivals))
        is_long = self._clock() - self._began_s >= _ADVICE_AFTER_S
        cards = len(self._launch.candidates)
        summary = "the graphics card is in use" if cards == 1 else f"all {cards} graphics cards are in use"
        if self._launch.count > 1:
            summary = f"fewer than {self._launch.count} of {cards} graphics cards are free"
        advice = _ADVICE if is_long else None
        return Waiting(place, len(rivals), self._claim.since, summary, self._reason(place), advice)

    def _shall_ask(self) -> bool:
        """Whether the driver is worth asking: by the leases a card is free for this run, or lies unused for long."""
        with self._folder.deciding():
            self._tickets = self._folder.tickets()
            if all(ticket.path != self._path for ticket in self._tickets):
                # somebody emptied the folder: what was locked there says nothing any more
                leases.close_all([self._held])
                self._path, self._held = self._folder.place(self._claim)
                self._tickets = self._folder.tickets()
            free = self._folder.free(self._launch.candidates)
            leases.close_all(free.values())
        self._leased = set(self._launch.candidates) - set(free)
        is_next = bool(leases.share_out(leases.in_order(self._tickets), free, self._passed).get(self._path))
        became_next = is_next and not self._was_next
        self._was_next = is_next
        if self._cards and not became_next and (not free or self._clock() < self._ask_s):
            return False
        self._ask_s = self._clock() + (_ASK_EVERY_S if is_next else _ASK_BEHIND_EVERY_S)
        return True

    def _free_by_driver(self) -> list[str]:
        """The cards that nothing else computes on, the freest first."""
        found = self._list_cards()
        wanted = [card for card in found.cards if card.uuid in self._launch.candidates]
        if len(wanted) < self._launch.count:
            why = "; ".join(found.lost) or found.reason or "the others were taken away"
            message = f"of the graphics cards that the run waits for, {len(wanted)} are left: {why}"
            hint = "`loghi-runner gpus` lists the cards; show it to the administrator."
            raise EngineError("gpu.lost", message, where="engine.gpus", hint=hint)
        self._cards = {card.uuid: card for card in wanted}
        free = [card for card in wanted if not card.lack(self._launch.card_memory_mb)]
        return [card.uuid for card in sorted(free, key=lambda card: -card.free_memory_mb)]

    def _take(self, usable: Sequence[str]) -> leases.Lease | None:
        with self._folder.deciding():
            self._tickets = self._folder.tickets()
            free = self._folder.free(usable)
            given = leases.share_out(leases.in_order(self._tickets), free, self._passed)
            mine = given.get(self._path, [])
            leases.close_all(free[uuid] for uuid in free if uuid not in mine)
            if not mine:
                self._watch({path for path, cards in given.items() if cards})
                return None
            with suppress(OSError):  # it is for people only
                leases.write_claim(self._held, replace(self._claim, since=utc_now(), holds=tuple(mine)))
            files = [self._path, *(self._folder.card_file(uuid) for uuid in mine)]
            held = [self._held, *(free[uuid] for uuid in mine)]
            return leases.Lease(self._folder, tuple(mine), files, held, tuple(self._cards[uuid] for uuid in mine))

    def _watch(self, idle: set[Path]) -> None:
        """Pass by those that have let cards lie for long; once they take them they are as all others."""
        now = self._clock()
        self._idle = {path: self._idle.get(path, now) for path in idle}
        self._passed = {path for path, since_s in self._idle.items() if now - since_s >= _PATIENCE_S}

    def _reason(self, place: int) -> str:
        holders = {uuid: ticket for ticket in self._tickets for uuid in ticket.claim.holds}
        said = []
        for uuid in self._launch.candidates:
            card = self._cards.get(uuid)
            if card is None:
                continue
            label = f"GPU {card.place} ({card.name})"
            if (holder := holders.get(uuid)) is not None:
                since = local_time(holder.claim.since)
                said.append(f"{label} has run {holder.claim.run_id[:40]} of {holder.user} since {since}")
            elif uuid in self._leased:
                said.append(f"{label} has a run that says nothing of itself")
            elif lack := card.lack(self._launch.card_memory_mb):
                said.append(f"on {label} {_who(card) or lack}")
        if not said:
            return f"{plural(place - 1, 'run')} before this one" if place > 1 else "a card is about to be free"
        more = f"; and {len(said) - _NAMED} more" if len(said) > _NAMED else ""
        return shown("; ".join(said[:_NAMED]) + more)


def _who(card: Card) -> str:
    """The programs that compute on a card without a lease, as far as they can be seen."""
    named = [program_of(pid).sentence() for pid in card.pids[:_NAMED]]
    return f"computes {', '.join(named)}" if named else ""
