"""Small SVG charts that take their colours from the page they stand in."""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

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
