"""Which of a machine's cards a scheduler, or the user, left to this process."""

from collections.abc import Mapping
from dataclasses import replace

from loghi_runner.engines.gpus import Card, Cards

# the first that is set decides. CUDA's counts the cards this process can see, the others all of the machine's.
_VARIABLES = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "SLURM_JOB_GPUS")
_RELATIVE = "CUDA_VISIBLE_DEVICES"


def given_cards(found: Cards, environment: Mapping[str, str]) -> Cards:
    """The cards that the environment names; all where it names none, as on a machine of one's own.

    Source: CUDA C++ Programming Guide, "CUDA Environment Variables"; NVIDIA Container Toolkit, "Docker Specialized
    Configurations"; Slurm, "Generic Resource (GRES) Scheduling".
    """
    variable = next((name for name in _VARIABLES if _says_something(name, environment.get(name))), None)
    if variable is None or not found.cards:
        return found
    value = environment[variable].strip()
    wanted = [part.strip() for part in value.split(",") if part.strip()]
    if variable != _RELATIVE and len(wanted) == len(found.cards):
        return found  # a scheduler that hides the other cards leaves exactly these, counted anew
    given = tuple(card for card in found.cards if any(_means(part, card) for part in wanted))
    if not given:
        few = "the only card" if len(found.cards) == 1 else f"all {len(found.cards)} cards"
        reason = f"{variable}={value} leaves out {few} of this machine"
        return replace(found, cards=(), reason=reason, hidden=found.cards)
    hidden = tuple(card for card in found.cards if card not in given)
    return replace(found, cards=given, hidden=hidden, limit=f"{variable}={value}" if hidden else "")


def _says_something(variable: str, value: str | None) -> bool:
    if value is None or value.strip() == "all":
        return False
    # an empty CUDA_VISIBLE_DEVICES hides every card; the others mean nothing then
    return variable == _RELATIVE or bool(value.strip())


def _means(part: str, card: Card) -> bool:
    """A part is a card's number, `number:part` of a divided one, or the beginning of a UUID."""
    if part.startswith(("GPU-", "MIG-")):
        return card.uuid.startswith(part)
    return part in (card.place, card.place.partition(":")[0])
