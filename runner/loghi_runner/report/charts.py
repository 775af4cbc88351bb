"""Small SVG charts that take their colours from the page they stand in, and the curve of a run, epoch by epoch."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from loghi_contract.events import Epoch

if TYPE_CHECKING:
    # slow to import, and most commands never draw
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Stand-ins for colours that the page's style sheet gives; light and dark pages have others.
INK, QUIET, ACCENT = "#010101", "#020202", "#030303"
_VARIABLES = {INK: "var(--ink)", QUIET: "var(--quiet)", ACCENT: "var(--accent)"}


@contextmanager
def chart(width: float, height: float) -> Iterator["Figure"]:
    """An empty figure to draw in, in inches; `svg_text` belongs inside, too."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9, "svg.hashsalt": "loghi"}):
        yield Figure(figsize=(width, height), layout="constrained")


def dress(axes: Iterable["Axes"]) -> None:
    """The page's colours for ticks and frames."""
    for each in axes:
        each.tick_params(colors=INK)
        for spine in each.spines.values():
            spine.set_color(QUIET)
        each.spines["top"].set_visible(False)


def svg_text(figure: "Figure") -> str:
    """The figure as an `svg` element, the same for the same figure."""
    target = io.StringIO()
    figure.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = target.getvalue()
    svg = svg[svg.index("<svg") :]
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, variable)
    return svg


def draw_curve(epochs: Sequence[Epoch]) -> str:
    """Validation CER of each epoch, the base model as a level line, and the losses on an axis of their own."""
    from matplotlib.ticker import MaxNLocator

    with chart(7.2, 2.8) as figure:
        axes = figure.subplots()
        axes.plot([e.epoch for e in epochs], [100 * e.val_cer for e in epochs], color=ACCENT, marker="o", markersize=3)
        best = min(epochs, key=lambda epoch: (epoch.val_cer, epoch.epoch))
        axes.plot([best.epoch], [100 * best.val_cer], color=ACCENT, marker="o", markersize=8, fillstyle="none")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("epoch", color=INK)
        axes.set_ylabel("validation CER, %", color=ACCENT)
        if epochs[0].epoch == 0:
            axes.axhline(100 * epochs[0].val_cer, color=QUIET, linestyle="--", linewidth=1)
            place = (epochs[-1].epoch, 100 * epochs[0].val_cer)
            axes.annotate("base model", place, color=QUIET, ha="right", va="bottom")
        right = axes.twinx()
        _draw_losses(right, epochs)
        right.set_ylabel("loss", color=QUIET)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        dress((axes, right))
        return svg_text(figure)


def _draw_losses(axes: "Axes", epochs: Sequence[Epoch]) -> None:
    """Told apart by line and mark, not by colour alone; runs of older versions have no validation loss."""
    trained = [(e.epoch, e.train_loss) for e in epochs if e.train_loss is not None]
    validated = [(e.epoch, e.val_loss) for e in epochs if e.val_loss is not None]
    if trained:
        axes.plot(*zip(*trained, strict=True), color=QUIET, linewidth=1, label="training loss")
    if validated:
        places = zip(*validated, strict=True)
        axes.plot(*places, "s:", color=QUIET, linewidth=1, markersize=3, fillstyle="none", label="validation loss")
    if trained or validated:
        # everything falls from the upper left: this corner stays free
        axes.legend(loc="lower left", ncols=2, frameon=False, labelcolor=INK, fontsize=8)
    axes.set_ylim(bottom=0)
