"""The learning curve as a small SVG that takes its colours from the page."""

import io
from collections.abc import Sequence

from loghi_contract.events import Epoch

#: Stand-ins for colours that the page's style sheet gives; light and dark pages have others.
_INK, _QUIET, _ACCENT = "#010101", "#020202", "#030303"
_VARIABLES = {_INK: "var(--ink)", _QUIET: "var(--quiet)", _ACCENT: "var(--accent)"}


def draw_curve(epochs: Sequence[Epoch]) -> str:
    """Validation CER of each epoch, the base model as a level line, and the training loss on an axis of its own."""
    # slow to import, and most commands never draw
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with rc_context({"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9, "svg.hashsalt": "loghi"}):
        figure = Figure(figsize=(7.2, 2.8), layout="constrained")
        axes = figure.subplots()
        axes.plot([e.epoch for e in epochs], [100 * e.val_cer for e in epochs], color=_ACCENT, marker="o", markersize=3)
        best = min(epochs, key=lambda epoch: (epoch.val_cer, epoch.epoch))
        axes.plot([best.epoch], [100 * best.val_cer], color=_ACCENT, marker="o", markersize=8, fillstyle="none")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("epoch", color=_INK)
        axes.set_ylabel("validation CER, %", color=_ACCENT)
        if epochs[0].epoch == 0:
            axes.axhline(100 * epochs[0].val_cer, color=_QUIET, linestyle="--", linewidth=1)
            axes.annotate(
                "base model", (epochs[-1].epoch, 100 * epochs[0].val_cer), color=_QUIET, ha="right", va="bottom"
            )
        trained = [e for e in epochs if e.train_loss is not None]
        right = axes.twinx()
        right.plot([e.epoch for e in trained], [e.train_loss or 0.0 for e in trained], color=_QUIET, linewidth=1)
        right.set_ylabel("training loss", color=_QUIET)
        right.set_ylim(bottom=0)
        for each in (axes, right):
            each.tick_params(colors=_INK)
            each.xaxis.set_major_locator(MaxNLocator(integer=True))
            for spine in each.spines.values():
                spine.set_color(_QUIET)
            each.spines["top"].set_visible(False)
        target = io.StringIO()
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = target.getvalue()
    svg = svg[svg.index("<svg") :]
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, variable)
    return svg
