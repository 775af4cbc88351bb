"""The shares that a person asks for."""

from itertools import pairwise

from loghi_runner.errors import UsageError


def parse_percents(text: str) -> tuple[int, ...]:
    """`25,50,100` as numbers: two or more, rising, the last one all pages.

    Raises:
        UsageError: they are not.
    """
    try:
        percents = tuple(int(part) for part in text.split(","))
    except ValueError:
        percents = ()
    rising = all(first < second for first, second in pairwise(percents))
    if len(percents) < 2 or not rising or percents[0] < 1 or percents[-1] != 100:
        raise UsageError(
            "curve.bad_shares",
            f"--shares {text}: these are not two or more whole percentages that rise to 100",
            hint="For example --shares 25,50,100.",
        )
    return percents
