"""Nested shares, the power law, and the sentences of a learning curve."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loghi_contract.counts import ErrorCounts
from loghi_contract.lines import LineSample
from loghi_runner.errors import DataError
from loghi_runner.evaluation.intervals import Interval
from loghi_runner.learning_curve.curve import forecast_sentence, point_rows, remarks, write_curve
from loghi_runner.learning_curve.power_law import fit_power_law
from loghi_runner.learning_curve.shares import nested_shares
from loghi_runner.wording import aligned
from tests.made_curve import FALLING, curve


def samples(pages: list[int]) -> list[LineSample]:
    """Lines of pages with so many lines each."""
    return [
        LineSample(f"/in/data/0/p{page}/p{page}-{line}.png", "text", 1.0, "")
        for page, count in enumerate(pages)
        for line in range(count)
    ]


@given(st.lists(st.integers(1, 12), min_size=8, max_size=40), st.integers(0, 99))
def test_shares_are_nested_whole_pages_in_the_lists_order(pages: list[int], seed: int) -> None:
    lines = samples(pages)
    shares = nested_shares(lines, (25, 50, 100), seed)
    for smaller, larger in pairwise(shares):
        assert set(smaller.samples) < set(larger.samples)
    assert shares[-1].samples == tuple(lines)
    for share in shares:
        assert list(share.samples) == [line for line in lines if line in set(share.samples)]
        chosen = {line.image.split("/")[4] for line in share.samples}
        assert len(chosen) == share.units
        assert sum(pages[int(page[1:])] for page in chosen) == len(share.samples)


def test_the_same_seed_draws_the_same_pages_whatever_the_order_of_the_list() -> None:
    lines = samples([5] * 12)
    drawn = [{line.image for line in nested_shares(order, (25, 100), 3)[0].samples} for order in (lines, lines[::-1])]
    assert drawn[0] == drawn[1]
    assert drawn[0] != {line.image for line in nested_shares(lines, (25, 100), 4)[0].samples}


def test_few_pages_are_divided_by_lines() -> None:
    shares = nested_shares(samples([20, 20]), (25, 50, 100), 1)
    assert [(share.unit, share.units, len(share.samples)) for share in shares] == [
        ("lines", 10, 10), ("lines", 20, 20), ("lines", 40, 40),
    ]  # fmt: skip


def test_too_few_lines_are_refused() -> None:
    with pytest.raises(DataError, match="2 training lines are too few for 3 shares"):
        nested_shares(samples([2]), (25, 50, 100), 1)


def judged(
    chance: np.random.Generator, rates: list[float], pages: int = 24
) -> tuple[list[list[ErrorCounts]], list[str]]:
    """Lines of 40 characters on pages of their own difficulty, read by one model for each error rate."""
    runs: list[list[ErrorCounts]] = [[] for _ in rates]
    names = []
    for page in range(pages):
        difficulty = chance.uniform(0.6, 1.4)
        for _ in range(15):
            names.append(f"p{page}")
            for run, rate in zip(runs, rates, strict=True):
                run.append(ErrorCounts(1, int(chance.binomial(40, rate * difficulty)), 40, 0, 8, 1))
    return runs, names


def test_the_exponent_of_a_known_law_is_found() -> None:
    lines, a, b = [100, 200, 400, 800], 1.2, 0.31
    counts = [[ErrorCounts(1, round(1e7 * a * n**-b), 10_000_000)] * 2 for n in lines]
    law = fit_power_law(lines, counts, ["p", "p"])
    assert (law.a, law.b) == (pytest.approx(a, rel=1e-4), pytest.approx(b, rel=1e-4))
    assert law.next_cer == pytest.approx(a * 1600**-b, rel=1e-4)
    assert law.off < 1e-5


def test_intervals_cover_the_true_exponent_and_the_true_next_score() -> None:
    chance, lines, a, b = np.random.default_rng(5), [100, 200, 400], 1.0, 0.25
    hits = {"b": 0, "next": 0, "gain": 0}
    for _ in range(100):
        law = fit_power_law(lines, *judged(chance, [a * n**-b for n in lines]))
        assert law.b_interval is not None
        assert law.next_interval is not None
        assert law.gain_interval is not None
        hits["gain"] += law.gain_interval.low <= a * 400**-b - a * 800**-b <= law.gain_interval.high
        hits["b"] += law.b_interval.low <= b <= law.b_interval.high
        hits["next"] += law.next_interval.low <= a * 800**-b <= law.next_interval.high
    assert all(86 <= count <= 99 for count in hits.values()), hits


def test_runs_are_drawn_together_so_that_hard_pages_do_not_widen_the_interval() -> None:
    runs, names = judged(np.random.default_rng(6), [0.2, 0.15, 0.1])
    together = fit_power_law([100, 200, 400], runs, names).b_interval
    apart = fit_power_law([100, 200, 400], [runs[0], runs[1], runs[2][::-1]], names).b_interval
    assert together is not None
    assert apart is not None
    assert together.high - together.low < apart.high - apart.low


def test_a_model_without_errors_is_no_fault_of_arithmetic() -> None:
    counts = [[ErrorCounts(1, edits, 40)] * 9 for edits in (4, 1, 0)]
    law = fit_power_law([100, 200, 400], counts, ["p"] * 9)
    assert 0 <= law.next_cer < 0.01


def test_a_falling_curve_promises_one_doubling() -> None:
    told = curve((0.28, 0.24, 0.21), FALLING)
    assert forecast_sentence(told) == (
        "With twice as many pages (24 instead of 12) expect about 18.1 % instead of 21.0 % CER "
        "(between 16.9 and 19.5 %, 95 %)."
    )
    assert remarks(told) == [
        "On the same test lines that is 2.1 to 3.9 points less (95 %).",
        "Each doubling has taken away about 14 % of the errors; published curves: 10 to 21 %.",
        "The 95 % are for lines of these 3 pages; other pages may differ more. "
        "Another choice of training pages is not in them.",
    ]


def test_a_flat_curve_promises_nothing() -> None:
    law = replace(
        FALLING, b=0.02, b_interval=Interval(-0.05, 0.09, "lines"), next_interval=Interval(0.19, 0.22, "lines")
    )
    assert forecast_sentence(curve((0.213, 0.212, 0.21), law)) == (
        "More pages are not shown to help: from 3 to 12 pages the CER went from 21.3 % to 21.0 %, which may be chance. "
        "With twice as many pages (24 instead of 12) the CER may well stay where it is (between 19.0 and 22.0 %, 95 %)."
    )


def test_a_rising_curve_sends_to_the_pages() -> None:
    law = replace(FALLING, b=-0.1, b_interval=Interval(-0.15, -0.05, "lines"))
    told = forecast_sentence(curve((0.20, 0.22, 0.24), law))
    assert told.startswith("More pages have made it worse: from 3 to 12 pages the CER went from 20.0 % to 24.0 %.")
    assert "of one hand" in told


def test_a_steep_or_uneven_curve_is_told_with_caution() -> None:
    told = remarks(curve((0.4, 0.2, 0.21), replace(FALLING, b=0.5, off=0.15)))[1:]
    assert "The first pages help most: expect the next doubling to bring less." in told[0]
    assert told[1] == "The measured points lie up to 15 % off an even curve: take the numbers as rough."


def test_validation_lines_are_no_honest_judges_and_it_is_said() -> None:
    told = remarks(curve((0.28, 0.24, 0.21), FALLING, judged="validation lines", chose=True))
    assert any("which also chose each best epoch" in remark for remark in told)


def test_runs_that_never_beat_the_base_model_say_nothing_of_pages() -> None:
    flat = curve((0.3, 0.3), FALLING)
    flat = replace(flat, points=tuple(replace(point, best_epoch=0) for point in flat.points))
    assert remarks(flat)[0].startswith("In no run was any epoch better than the base model")


def test_the_table_lines_up() -> None:
    assert aligned(point_rows(curve((0.28, 0.15, 0.094), FALLING))) == [
        "pages  lines     CER  between (95 %)  run",
        "    0      0  34.8 %                  base model",
        "    3    100  28.0 %  26.0 to 30.0 %  run0",
        "    6    200  15.0 %  13.0 to 17.0 %  run1",
        "   12    400   9.4 %   7.4 to 11.4 %  run2",
    ]


@pytest.mark.parametrize(("cers", "word"), [((0.3, 0.2), "have helped"), ((0.2, 0.3), "have not helped")])
def test_two_points_tell_a_direction_and_claim_no_certainty(
    cers: tuple[float, float], word: str, tmp_path: Path
) -> None:
    runs, names = judged(np.random.default_rng(4), list(cers))
    law = fit_power_law([100, 200], runs, names)
    assert (law.b_interval, law.next_interval, law.gain_interval) == (None, None, None)
    made = curve(cers, law)
    told = [forecast_sentence(made), *remarks(made), *aligned(point_rows(made))]
    first, last = (f"{100 * cer:.1f} %" for cer in cers)
    assert told[0] == (
        f"More pages {word} so far: from 3 to 6 pages the CER went from {first} to {last}. "
        "Two points tell a direction, not how far it goes: add a share between them, such as --shares 25,50,100."
    )
    page = write_curve(made, None, tmp_path).read_text()
    assert "95 %" not in " ".join([*told, page])
    assert "The dotted line" not in page
