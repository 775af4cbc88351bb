"""How many time steps a network makes of a line, read off its layers' description; no framework is needed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any  # layer descriptions are JSON

#: Added left and right of every line; 0 before centring, so black in the model's eyes. Source: Loghi HTR 2.x, loader.
MARGIN_PX = 25

#: No line of text is wider, as the model sees it. Augmentation makes a line up to 1.15 times as wide, and OpenCV's
#: remap ends at 32 767 pixels.
WIDEST_PX = 28_000

_SLIDING = ("Conv2D", "MaxPooling2D", "AveragePooling2D")


@dataclass(frozen=True)
class Window:
    """What one layer does to the width."""

    size: int
    stride: int
    is_padded: bool

    def steps(self, width: int) -> int:
        return -(-width // self.stride) if self.is_padded else (width - self.size) // self.stride + 1


def windows_of(layers: Iterable[Mapping[str, Any]]) -> tuple[Window, ...]:
    """The layers that change the width, in order; the width is the first direction of a Loghi network."""
    found = []
    for layer in layers:
        if layer.get("class_name") in _SLIDING:
            size = _first(layer.get("pool_size") or layer.get("kernel_size"))
            stride = _first(layer.get("strides")) or size
            found.append(Window(size, max(stride, 1), layer.get("padding") == "same"))
    return tuple(found)


def frames_of(windows: Iterable[Window], width_px: int, height_px: int, model_height_px: int) -> int:
    """Time steps for a line image of this size, scaled to the model's height and given its margins."""
    frames = max(1, round(width_px * model_height_px / height_px)) + 2 * MARGIN_PX
    for window in windows:
        frames = window.steps(frames)
    return frames


def steps_for_labels(labels: Sequence[object]) -> int:
    """Time steps CTC needs: one a label, and a blank between equal neighbours."""
    return len(labels) + sum(1 for left, right in pairwise(labels) if left == right)


def _first(value: Any) -> int:
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, int) else 1
