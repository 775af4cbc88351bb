"""A learning curve as it was measured, what it says, and its report: learning_curve.html and learning_curve.json."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from markupsafe import Markup

from loghi_contract.records import to_json
from loghi_runner.aliases import Row
from loghi_runner.evaluation.intervals import Interval, scope
from loghi_runner.files import cannot_write, write_atomically
from loghi_runner.learning_curve.power_law import PowerLaw
from loghi_runner.recognition.next_pages import NextPages, next_lines, next_remarks, next_table
from loghi_runner.report.charts import ACCENT, INK, QUIET, chart, dress, svg_text
from loghi_runner.report.html import render
from loghi_runner.wording import aligned, percent, short_path

HTML_FILE = "learning_curve.html"
JSON_FILE = "learning_curve.json"
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


@dataclass(frozen=True)
class CurveAnswer:
    """What `learning-curve` answers; `path` is the report's."""

    curve: Curve
    next_pages: NextPages | None
    path: Path

    def json(self) -> dict[str, Any]:
        return _as_json(self.curve, self.next_pages) | {"report": str(self.path)}

    def table(self) -> list[str]:
        """What was measured, a run a line."""
        about = f"learning curve of {self.curve.name}, judged on {self.curve.judged_count} {self.curve.judged}"
        return [about, *(f"  {line}" for line in aligned(point_rows(self.curve)))]

    def sentences(self) -> list[str]:
        """What it says, the forecast first, and the pages to transcribe next."""
        found = next_lines(self.next_pages) if self.next_pages else []
        return [forecast_sentence(self.curve), *remarks(self.curve), *found]

    def rows(self) -> list[Row]:
        """Where the report is, and what to do next."""
        rows = [("report", short_path(self.path))]
        if self.next_pages is None:
            run = short_path(Path(self.curve.points[-1].run_dir))
            rows.append(("next", f"loghi-runner next-pages {run} PAGES"))
        return rows


def write_curve(curve: Curve, next_pages: NextPages | None, folder: Path) -> Path:
    """Write both files and return the HTML one. Raises EngineError: the folder does not take them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_as_json(curve, next_pages), ensure_ascii=False, indent=1)
        write_atomically(folder / JSON_FILE, text + "\n")
        write_atomically(folder / HTML_FILE, _as_html(curve, next_pages))
    except OSError as error:
        hint = "Name another --output; the trained runs are kept and used again."
        raise cannot_write(str(folder), error, folder, hint=hint) from error
    return folder / HTML_FILE


def _as_json(curve: Curve, next_pages: NextPages | None) -> dict[str, Any]:
    """The curve for programs; CER and confidence are fractions."""
    return {
        "kind": "learning_curve",
        "forecast": forecast_sentence(curve),
        "remarks": remarks(curve),
        **to_json(curve),
        "next_pages": to_json(next_pages) if next_pages else None,
    }


def _draw(curve: Curve) -> str:
    """CER of each run in its interval; the base model as a level line; dotted, what twice as much would bring.

    Two points are drawn without intervals, and nothing beyond them.
    """
    points, law = curve.points, curve.law
    ticks = [(point.lines, point.units) for point in points]
    intervals = [(point.lines, point.interval) for point in points]
    with chart(7.2, 3.2) as figure:
        axes = figure.subplots()
        lines, cers = [point.lines for point in points], [100 * point.cer for point in points]
        axes.plot(lines, cers, color=ACCENT, marker="o", markersize=4)
        if curve.is_direction_only:
            intervals = []
        else:
            twice = 2 * points[-1].lines
            ticks.append((twice, 2 * points[-1].units))
            intervals.append((twice, law.next_interval))
            axes.plot([lines[-1], twice], [cers[-1], 100 * law.next_cer], color=ACCENT, linestyle=":")
            axes.plot([twice], [100 * law.next_cer], color=ACCENT, marker="o", markersize=7, fillstyle="none")
        for place, interval in intervals:
            if interval is not None:
                axes.plot([place] * 2, [100 * interval.low, 100 * interval.high], color=ACCENT, linewidth=1)
        if curve.base_cer is not None:
            axes.axhline(100 * curve.base_cer, color=QUIET, linestyle="--", linewidth=1)
            axes.annotate("base model", (ticks[-1][0], 100 * curve.base_cer), color=QUIET, ha="right", va="bottom")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.set_xticks([place for place, _units in ticks], [str(units) for _place, units in ticks])
        axes.set_xlabel(f"{curve.unit} to learn from", color=INK)
        axes.set_ylabel(f"CER on the {curve.judged}, %", color=INK)
        dress((axes,))
        axes.spines["right"].set_visible(False)
        return svg_text(figure)


def _as_html(curve: Curve, next_pages: NextPages | None) -> str:
    header, *rows = point_rows(curve)
    return render(
        "learning_curve.html",
        curve=curve,
        forecast=forecast_sentence(curve),
        remarks=remarks(curve),
        header=header,
        rows=rows,
        next_table=next_table(next_pages) if next_pages else (),
        next_remarks=next_remarks(next_pages) if next_pages else (),
        chart=Markup(_draw(curve)),  # noqa: S704  # drawn by us, from numbers only
    )
