"""The measured points over the training lines, and the next doubling."""

from loghi_runner.learning_curve.curve import Curve
from loghi_runner.report.svg import ACCENT, INK, QUIET, chart, dress, svg_text


def draw_learning_curve(curve: Curve) -> str:
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
