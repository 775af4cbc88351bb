"""The learning curve of a run, epoch by epoch."""

from collections.abc import Sequence

from loghi_contract.events import Epoch
from loghi_runner.report.svg import ACCENT, INK, QUIET, chart, dress, svg_text


def draw_curve(epochs: Sequence[Epoch]) -> str:
    """Validation CER of each epoch, the base model as a level line, and the training loss on an axis of its own."""
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
        trained = [e for e in epochs if e.train_loss is not None]
        right = axes.twinx()
        right.plot([e.epoch for e in trained], [e.train_loss or 0.0 for e in trained], color=QUIET, linewidth=1)
        right.set_ylabel("training loss", color=QUIET)
        right.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        dress((axes, right))
        return svg_text(figure)
