"""Whether TensorFlow has kernels for the graphics card."""

from loghi_runner.engines.gpus import NEWEST_CAPABILITY, OLDEST_CAPABILITY, Card
from loghi_runner.findings import Finding, Severity


def check_card(card: Card | None, *, own_image: bool) -> tuple[Finding, ...]:
    """What is to be known of the chosen card before a run on it.

    Args:
        own_image: whether it runs with the TensorFlow of this version, whose kernels are known.
    """
    if card is None or card.capability is None or not own_image:
        return ()
    if card.is_too_old:
        return (
            Finding(
                Severity.ERROR,
                "gpu.too_old",
                f"the {card.name} ({_version(card.capability)}) is too old for TensorFlow, which needs "
                f"{_version(OLDEST_CAPABILITY)} or later",
                where="engine.gpus",
                hint="Name another card, or train on the CPU: `gpus: none`.",
            ),
        )
    if card.capability[0] > NEWEST_CAPABILITY[0]:
        return (
            Finding(
                Severity.INFO,
                "gpu.first_start",
                f"the {card.name} ({_version(card.capability)}) is newer than this TensorFlow: the driver compiles its "
                "kernels from PTX at the first start, which can take half an hour; later runs find them ready",
                where="engine.gpus",
            ),
        )
    return ()


def _version(capability: tuple[int, int]) -> str:
    return f"compute capability {capability[0]}.{capability[1]}"
