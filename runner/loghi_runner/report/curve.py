"""The learning curve of a run, epoch by epoch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from loghi_contract.events import Epoch
from loghi_runner.report.svg import ACCENT, INK, QUIET, chart, dress, svg_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
