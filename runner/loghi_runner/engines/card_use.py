"""What the cards of this machine are used for: by which programs, by which runs, and who waits for them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any  # JSON values have no narrower type

from loghi_contract.records import to_json
from loghi_runner.engines import nvml
from loghi_runner.engines.gpus import Card, Cards
from loghi_runner.engines.leases import GATE, SHARED_FOLDER, LeaseFolder, Ticket, in_order, lease_folder
from loghi_runner.engines.processes import Program, program_of
from loghi_runner.errors import EngineError


@dataclass(frozen=True)
class CardUse:
    """One card. `ticket` is of the run that has it; `is_leased` also where that run says nothing of itself.

    `is_given` is false for a card that a scheduler gave to others.
    """

    card: Card
    programs: tuple[Program, ...]
    is_leased: bool
    is_given: bool
    ticket: Ticket | None = None


@dataclass(frozen=True)
class Usage:
    """All cards, and the runs that wait, the next one first. `unknown` says why nothing is known of leases, if so."""

    found: Cards
    cards: tuple[CardUse, ...]
    waiting: tuple[Ticket, ...]
    folder: LeaseFolder | None
    unknown: str | None = None

    def json(self) -> dict[str, Any]:
        return {
            "kind": "gpus",
            "cards": [
                to_json(use.card)
                | {"is_given": use.is_given, "programs": to_json(use.programs), "is_leased": use.is_leased}
                | {"run": None if use.ticket is None else _ticket_json(use.ticket)}
                for use in self.cards
            ],
            "waiting": [_ticket_json(ticket) for ticket in self.waiting],
            "reason": self.found.reason or None,
            "lost": list(self.found.lost),
            "driver": self.found.driver,
            "limit": self.found.limit or None,
            "leases": None if self.folder is None else str(self.folder.path),
            "is_shared": self.folder is not None and self.folder.is_shared,
            "unknown": self.unknown,
        }


def look_at_cards() -> Usage:
    """The cards of this machine with everything that is known of their use."""
    found = nvml.list_cards()
    every = (*found.cards, *found.hidden)
    folder, unknown = None, None
    tickets: list[Ticket] = []
    leased: frozenset[str] = frozenset()
    if every:
        try:
            folder = lease_folder()
            with folder.deciding():
                tickets, leased = folder.tickets(), folder.leased(card.uuid for card in every)
        except EngineError as error:
            unknown = error.message
    holders = {uuid: ticket for ticket in tickets for uuid in ticket.claim.holds}
    cards = tuple(
        CardUse(
            card,
            tuple(map(program_of, card.pids)),
            card.uuid in leased,
            card in found.cards,
            holders.get(card.uuid) if card.uuid in leased else None,
        )
        for card in every
    )
    return Usage(found, cards, tuple(in_order(tickets)), folder, unknown)


def tmpfiles_text(uuids: Iterable[str]) -> Sequence[str]:
    """The lines of a tmpfiles.d file that makes the lease folder of a machine with these cards.

    Anybody may put a ticket into the folder, and nobody may remove or replace what is another's, or root's.
    """
    return (
        f"d {SHARED_FOLDER} 1777 root root -",
        f"f {SHARED_FOLDER / GATE} 0444 root root -",
        *(f"f {SHARED_FOLDER / uuid} 0444 root root -" for uuid in uuids),
    )


def _ticket_json(ticket: Ticket) -> dict[str, Any]:
    claim = ticket.claim
    return {"run_id": claim.run_id, "run_dir": claim.run_dir, "user": ticket.user, "pid": claim.pid} | {
        "since": claim.since, "cards": list(claim.holds), "wants": list(claim.wants), "count": claim.count,
    }  # fmt: skip
