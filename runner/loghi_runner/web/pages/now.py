"""How far a training is, and its curve as an image."""

from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from loghi_contract.events import Epoch
from loghi_runner.orders.orders import Stage
from loghi_runner.report.charts import draw_curve
from loghi_runner.web.pages import words
from loghi_runner.web.views import OrderView

# an image has its own colours: it cannot take those of the page around it
_COLOURS = (
    "<style>:root{--ink:#1c1b19;--quiet:#5f5b53;--accent:#1f5f8b}"
    "@media(prefers-color-scheme:dark){:root{--ink:#ece9e2;--quiet:#b3ada2;--accent:#7fbce6}}"
    "text{fill:var(--ink)}</style>"
)
_drawing = Lock()


@dataclass(frozen=True)
class Now:
    """`share` is between 0 and 1, None where nobody knows; `epoch` is the one under way, `phase` is in words."""

    phase: str | None
    epoch: int | None
    epochs: int | None
    best_cer: float | None
    remaining_s: float | None
    share: float | None


def now_of(run: OrderView) -> Now | None:
    """Where the training is; None while there is none."""
    if run.run is None or run.stage is not Stage.TRAINING:
        return None
    planned, step, epochs = run.run.epochs_planned, run.run.step, run.run.epochs
    done = float(max((epoch["epoch"] for epoch in epochs), default=0))
    if step is not None:
        done = max(done, step.epoch - 1 + step.step / max(step.steps, 1))
    return Now(
        phase=words.PHASES.get(run.run.phase or ""),
        epoch=step.epoch if step else None,
        epochs=planned,
        best_cer=min((epoch["val_cer"] for epoch in epochs), default=None),
        remaining_s=run.run.remaining_s or None,
        share=min(done / planned, 1.0) if planned and epochs else None,
    )


@lru_cache(maxsize=128)
def curve_image(epochs: tuple[Epoch, ...]) -> str:
    """The learning curve as an SVG file."""
    with _drawing:  # matplotlib is not made for threads
        svg = draw_curve(epochs)
    opened, _, rest = svg.partition(">")
    return f"{opened}>{_COLOURS}{rest}"
