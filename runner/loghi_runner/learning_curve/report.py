"""learning_curve.html, with its chart, and learning_curve.json."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from markupsafe import Markup

from loghi_contract.records import to_json
from loghi_runner.aliases import Row
from loghi_runner.files import cannot_write, write_atomically
from loghi_runner.learning_curve.curve import Curve, forecast_sentence, point_rows, remarks
from loghi_runner.recognition.next_pages import NextPages, next_lines, next_remarks, next_table
from loghi_runner.report.charts import ACCENT, INK, QUIET, chart, dress, svg_text
from loghi_runner.report.html import render
from loghi_runner.wording import aligned, short_path

HTML_FILE = "learning_curve.html"
JSON_FILE = "learning_curve.json"


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
    """Write both files and return the HTML one.

    Raises:
        EngineError: the folder does not take them.
    """
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
        (),
        {},
        curve=curve,
        forecast=forecast_sentence(curve),
        remarks=remarks(curve),
        header=header,
        rows=rows,
        next_table=next_table(next_pages) if next_pages else (),
        next_remarks=next_remarks(next_pages) if next_pages else (),
        chart=Markup(_draw(curve)),  # noqa: S704  # drawn by us, from numbers only
    )
