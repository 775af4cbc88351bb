"""A learning curve as it was measured, and what it says."""

from dataclasses import dataclass

from loghi_runner.evaluation.intervals import Interval, scope
from loghi_runner.learning_curve.power_law import PowerLaw
from loghi_runner.wording import percent

#: How much of the errors a doubling of the pages took away in published curves: exponents 0.146 to 0.34.
#: Source: docs/learning-curve.md.
PUBLISHED = (0.10, 0.21)
#: Points that lie further off the law make it a rough guide.
_FAR_OFF = 0.05


@dataclass(frozen=True)
class Point:
    """One run: what it learnt from, and its CER on the judged lines. `again`: it was there already."""

    percent: int
    units: int
    lines: int
    cer: float
    interval: Interval | None
    best_epoch: int | None
    run_id: str
    run_dir: str
    again: bool


@dataclass(frozen=True)
class Curve:
    """`judged` says in words on which lines, `chose` that these lines also chose each run's best epoch.

    `base_cer` is the base model's CER on the same lines, the point of no pages; None when trained from scratch.
    """

    name: str
    unit: str
    judged: str
    judged_count: int
    judged_pages: int
    chose: bool
    base_cer: float | None
    points: tuple[Point, ...]
    law: PowerLaw

    @property
    def is_direction_only(self) -> bool:
        """Two points lie on a law exactly: nothing tells how far it holds."""
        return len(self.points) < 3


def forecast_sentence(curve: Curve) -> str:
    """What doubling would likely bring: one doubling only, and no more than the interval bears."""
    first, last, law, unit = curve.points[0], curve.points[-1], curve.law, curve.unit
    went = f"from {first.units} to {last.units} {unit} the CER went from {percent(first.cer)} to {percent(last.cer)}"
    twice = f"twice as many {unit} ({2 * last.units} instead of {last.units})"
    interval = law.next_interval
    if curve.is_direction_only:
        helped = "More {unit} have helped so far" if last.cer < first.cer else "More {unit} have not helped so far"
        return (
            f"{helped.format(unit=unit)}: {went}. Two points tell a direction, not how far it goes: "
            "add a share between them, such as --shares 25,50,100."
        )
    span = f" (between {100 * interval.low:.1f} and {100 * interval.high:.1f} %, 95 %)" if interval else ""
    if law.b_interval is not None and law.b_interval.high < 0:
        return (
            f"More {unit} have made it worse: {went}. Before you transcribe more, look whether all {unit} are of one "
            "hand and transcribed in the same way."
        )
    if law.b <= 0 or (law.b_interval is not None and law.b_interval.low <= 0):
        return (
            f"More {unit} are not shown to help: {went}, which may be chance. "
            f"With {twice} the CER may well stay where it is{span}."
        )
    return f"With {twice} expect about {percent(law.next_cer)} instead of {percent(last.cer)} CER{span}."


def remarks(curve: Curve) -> list[str]:
    """How far the forecast can be trusted, most important first."""
    law, found = curve.law, []
    if all(point.best_epoch == 0 for point in curve.points):
        found.append("In no run was any epoch better than the base model: this curve says nothing about more pages.")
    elif law.b > 0 and not curve.is_direction_only:
        if law.gain_interval is not None and law.gain_interval.low > 0:
            gain = f"{100 * law.gain_interval.low:.1f} to {100 * law.gain_interval.high:.1f} points less"
            found.append(f"On the same {curve.judged} that is {gain} (95 %).")
        found.append(_doubling(law))
    if law.off > _FAR_OFF:
        off = f"{100 * law.off:.0f} %"
        found.append(f"The measured points lie up to {off} off an even curve: take the numbers as rough.")
    if curve.chose:
        found.append(
            f"Judged on the {curve.judged}, which also chose each best epoch: give data.test lines for an honest curve."
        )
    if law.next_interval is not None:
        meant = scope(law.next_interval.unit, curve.judged_pages)
        found.append(f"The 95 % are for {meant}. Another choice of training pages is not in them.")
    return found


def _doubling(law: PowerLaw) -> str:
    share = 1 - 2**-law.b
    low, high = (f"{100 * edge:.0f}" for edge in PUBLISHED)
    told = f"Each doubling has taken away about {100 * share:.0f} % of the errors; published curves: {low} to {high} %."
    if share > PUBLISHED[1]:
        told += " The first pages help most: expect the next doubling to bring less."
    return told


def point_rows(curve: Curve) -> list[tuple[str, ...]]:
    """Header and rows of the table: units, lines, CER, interval, run; no intervals where there are only two points."""
    rows: list[tuple[str, ...]] = [(curve.unit, "lines", "CER", "between (95 %)", "run")]
    if curve.base_cer is not None:
        rows.append(("0", "0", percent(curve.base_cer), "", "base model"))
    rows += [
        (str(point.units), str(point.lines), percent(point.cer), _span(point.interval), point.run_id)
        for point in curve.points
    ]
    return [row[:3] + row[4:] for row in rows] if curve.is_direction_only else rows


def _span(interval: Interval | None) -> str:
    return "" if interval is None else f"{100 * interval.low:.1f} to {100 * interval.high:.1f} %"
