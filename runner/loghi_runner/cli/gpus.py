"""`loghi-runner gpus`: the graphics cards of this machine, who uses them, and who waits for them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from loghi_runner.cli.options import AsJson
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console, print_rows, say
from loghi_runner.wording import local_time, plural, shown

if TYPE_CHECKING:
    from loghi_runner.engines.card_use import CardUse, Usage
    from loghi_runner.engines.leases import Ticket

app = typer.Typer()


@app.command("gpus")
def gpus_command(
    tmpfiles: Annotated[
        bool, typer.Option("--tmpfiles", help="For operators: what lets all accounts take turns.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the graphics cards, who uses them, and who waits.

    A card computes one run at a time; the others wait in turn.
    """
    from loghi_runner.engines.card_use import look_at_cards, tmpfiles_text

    usage = look_at_cards()
    answer = make_console(stderr=False)
    if tmpfiles:
        for line in tmpfiles_text(use.card.uuid for use in usage.cards):
            answer.print(line)
        return
    if as_json:
        print_json(usage.json())
        return
    for use in usage.cards:
        say(answer, shown(f"GPU {use.card.place}  {use.card.name}"))
        print_rows(answer, [(label, shown(text)) for label, text in _rows(use)])
    for sentence in _remarks(usage):
        say(answer, sentence)


def _rows(use: "CardUse") -> Iterator[tuple[str, str]]:
    card = use.card
    yield "uuid", card.uuid
    busy = "" if card.utilisation is None else f", {card.utilisation} % busy"
    yield "memory", f"{card.free_memory_mb / 1024:.1f} of {card.memory_mb / 1024:.1f} GB free{busy}"
    if use.ticket is not None:
        yield "run", _run(use.ticket)
    elif use.is_leased:
        yield "run", "one that says nothing of itself"
    for number, program in enumerate(use.programs):
        yield "" if number else "programs", program.sentence()
    if not use.is_leased:
        lack = card.lack()
        yield "state", "left to others" if not use.is_given else lack or "free"


def _run(ticket: "Ticket") -> str:
    claim = ticket.claim
    return f"{claim.run_id} of {ticket.user} since {local_time(claim.since)}, {claim.run_dir}"


def _remarks(usage: "Usage") -> Iterator[str]:
    found = usage.found
    if not usage.cards:
        yield f"no graphics card: {found.reason}. Runs go on the processor, and wait for nothing."
    yield from (f"{lost}: show it to the administrator" for lost in found.lost if usage.cards)
    for place, ticket in enumerate(usage.waiting, start=1):
        wants = f"{plural(ticket.claim.count, 'card')} of {len(ticket.claim.wants)}"
        since = local_time(ticket.claim.since)
        yield shown(f"waiting, place {place}: run {ticket.claim.run_id} of {ticket.user} for {wants} since {since}")
    if found.limit:
        yield f"{found.limit} is set: the other cards are left to others"
    if usage.unknown is not None:
        yield f"who has leased what is not known: {usage.unknown}"
    elif usage.folder is not None and not usage.folder.is_shared:
        why = f" ({usage.folder.remark})" if usage.folder.remark else ""
        yield f"runs of other accounts are not seen, but for the programs that compute{why}; see docs/gpus.md"
