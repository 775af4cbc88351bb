"""Nested parts of the training lines: each share of the pages holds the smaller ones."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from loghi_contract.lines import LineSample
from loghi_runner.errors import DataError, UsageError
from loghi_runner.line_pages import page_names


@dataclass(frozen=True)
class Share:
    """So many percent of the training pages. `units` counts what was drawn: `pages`, or `lines` where pages are few."""

    percent: int
    units: int
    unit: str
    samples: tuple[LineSample, ...]


def parse_percents(text: str) -> tuple[int, ...]:
    """`25,50,100` as numbers: two or more, rising, the last one all pages. Raises UsageError: they are not."""
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


def nested_shares(samples: Sequence[LineSample], percents: Sequence[int], seed: int) -> tuple[Share, ...]:
    """One share for each percentage, whole pages while that gives different shares; the order of lines is kept.

    Args:
        percents: rising.

    Raises:
        DataError: there are too few lines to tell the shares apart.
    """
    pages = page_names([PurePosixPath(sample.image) for sample in samples])
    for unit, names in (
        ("pages", [pages[PurePosixPath(sample.image)] for sample in samples]),
        ("lines", [f"{number:09}" for number in range(len(samples))]),
    ):
        drawn = sorted(set(names))
        random.Random(seed).shuffle(drawn)  # noqa: S311  # a draw, not a secret
        counts = [max(1, int(len(drawn) * percent / 100 + 0.5)) for percent in percents]
        if len(set(counts)) == len(counts):
            word = "lines" if len(drawn) == len(samples) else unit
            return tuple(
                Share(percent, count, word, _of(samples, names, set(drawn[:count])))
                for percent, count in zip(percents, counts, strict=True)
            )
    raise DataError(
        "curve.too_few_lines",
        f"{len(samples)} training lines are too few for {len(percents)} shares of them",
        where="--shares",
        hint="Name fewer shares, such as --shares 50,100, or add lines.",
    )


def _of(samples: Sequence[LineSample], names: Sequence[str], chosen: set[str]) -> tuple[LineSample, ...]:
    return tuple(sample for sample, name in zip(samples, names, strict=True) if name in chosen)
