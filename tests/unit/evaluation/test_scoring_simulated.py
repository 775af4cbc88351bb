"""Do the intervals cover, and are slips of the transcriber found? On made data, where the truth is known."""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from loghi_contract.counts import ErrorCounts
from loghi_runner.evaluation.counts import suspected_slips
from loghi_runner.evaluation.intervals import cer_interval, gain_interval, scope

_LETTERS = "abcdefghijklmnoprstuvy"
_LENGTH = 40
#: Enough to see 80 % from 95 %, and a few seconds.
_DRAWS = 120


def made_pages(
    chance: np.random.Generator, pages: int, *rates: float
) -> tuple[list[list[ErrorCounts]], list[str], list[float]]:
    """20 lines a page, some pages three times as hard as others; also the true mean rates of these very pages."""
    hard = chance.uniform(0.5, 1.5, pages)
    names = [f"p{page}" for page in range(pages) for _ in range(20)]
    models = [
        [ErrorCounts(1, int(edits), _LENGTH) for edits in chance.binomial(_LENGTH, rate * np.repeat(hard, 20))]
        for rate in rates
    ]
    return models, names, [rate * float(hard.mean()) for rate in rates]


@pytest.mark.parametrize("pages", [8, 10])
def test_intervals_from_pages_cover_what_other_pages_would_give(pages: int) -> None:
    chance = np.random.default_rng(pages)
    hits = gains = 0
    for _ in range(_DRAWS):
        (old, new), names, _ = made_pages(chance, pages, 0.2, 0.1)
        interval, gain = cer_interval(new, names), gain_interval(old, new, names)
        assert interval is not None
        assert gain is not None
        assert interval.unit == gain.unit == "pages"
        hits += interval.low <= 0.1 <= interval.high
        gains += gain.low <= 0.1 <= gain.high
    # 95 %, but for the chance of so many draws
    assert hits / _DRAWS > 0.89
    assert gains / _DRAWS > 0.89


@pytest.mark.parametrize("pages", [2, 5])
def test_intervals_from_few_pages_cover_these_pages_and_say_so(pages: int) -> None:
    chance = np.random.default_rng(pages)
    hits = others = gains = 0
    for _ in range(_DRAWS):
        (old, new), names, (old_rate, new_rate) = made_pages(chance, pages, 0.2, 0.1)
        interval, gain = cer_interval(new, names), gain_interval(old, new, names)
        assert interval is not None
        assert gain is not None
        hits += interval.low <= new_rate <= interval.high
        gains += gain.low <= old_rate - new_rate <= gain.high
        others += interval.low <= 0.1 <= interval.high
    assert hits / _DRAWS > 0.9
    assert gains / _DRAWS > 0.9
    # nothing for other pages: that is why it is said
    assert others / _DRAWS < 0.85
    assert scope("lines", pages) == f"lines of these {pages} pages; other pages may differ more"


def made_readings(chance: random.Random, cer: float, slips: set[int]) -> Iterator[tuple[str, str, str]]:
    """300 lines read twice; both models err in the same places and confuse some letters again and again."""
    words = ["".join(chance.choices(_LETTERS, k=chance.randint(2, 9))) for _ in range(400)]
    habits = {letter: chance.choice(_LETTERS) for letter in "enuraio"}

    def read(text: str, hard: list[bool]) -> str:
        found = []
        for letter, is_hard in zip(text, hard, strict=True):
            if chance.random() > cer * (6 if is_hard else 0.4):
                found.append(letter)
            elif letter in habits and chance.random() < 0.6:
                found.append(habits[letter])
            elif chance.random() < 0.7:
                found.append(chance.choice(_LETTERS))
        return "".join(found)

    for number in range(300):
        text = " ".join(chance.choices(words, k=7))
        hard = [chance.random() < 0.1 for _ in text]
        first, second = read(text, hard), read(text, hard)
        if number in slips:
            place = chance.choice([place for place, letter in enumerate(text) if letter != " "])
            other = chance.choice([letter for letter in _LETTERS if letter != text[place]])
            text = text[:place] + chance.choice([other, "", 2 * text[place]]) + text[place + 1 :]
        yield text, first, second


@pytest.mark.parametrize(("cer", "found_at_least"), [(0.02, 0.6), (0.05, 0.3)])
def test_planted_slips_are_found_and_little_else(cer: float, found_at_least: float) -> None:
    planted = set(range(0, 300, 15))
    found = [suspected_slips(list(made_readings(random.Random(seed), cer, planted))) for seed in range(5)]
    told = [place for each in found for place in each]
    first = [place for each in found for place in each[:5]]
    right = [place for place in told if place in planted]
    assert len(right) / (5 * len(planted)) > found_at_least
    assert len(right) / len(told) > 0.75
    assert sum(place in planted for place in first) / len(first) > 0.9


def test_what_both_models_always_confuse_is_no_slip() -> None:
    lines = [(f"linje {number} med ord", f"linie {number} med ord", f"linie {number} med ort") for number in range(9)]
    assert suspected_slips(lines) == []
