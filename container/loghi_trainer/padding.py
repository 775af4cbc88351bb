"""A network in which no line feels its neighbours in the batch.

Loghi's own networks read the filling right of a line, so their result depends on the batch. Here it is that of a batch
of one, at next to no cost: of all the filling, only the columns next to a line's end are seen by the line, so only
these are made what a line alone would meet.
"""

from collections.abc import Sequence
from typing import Any  # backend tensors have no common type

import keras
from keras import ops

from loghi_trainer.network import RECURRENT_LAYERS, Window, frames_after, window_of


def can_hide_padding(model: keras.Model) -> bool:
    """Whether a line's pixels fall on the same places however wide the batch is (no padding on the left)."""
    return all(_is_aligned(layer) for layer in model.layers)


class PaddingHidden(keras.Model):  # type: ignore[misc]  # Keras is untyped
    """The same network over (images, widths in pixels): probabilities, and the time steps that are each line's own.

    Weights are shared with `model`; ask `can_hide_padding` first.
    """

    def __init__(self, model: keras.Model) -> None:
        super().__init__(name="padding_hidden")
        self._chain = model.layers[1:]
        self.inputs = (keras.Input(model.inputs[0].shape[1:], dtype="float32"), keras.Input((), dtype="int32"))
        self.built = True

    def call(self, inputs: Sequence[Any]) -> tuple[Any, Any]:
        x, frames = inputs
        for layer in self._chain:
            window, after = window_of(layer), frames_after(layer, frames)
            if isinstance(layer, RECURRENT_LAYERS):
                x = layer(x, training=False, mask=_own_frames(x, frames))
            elif window is None or window.padding == "valid" or window.size == 1:
                x = layer(x, training=False)
            elif isinstance(layer, keras.layers.MaxPooling2D):
                x = _pooled(layer, x, frames, after, window)
            else:
                x = layer(_emptied_beyond(x, frames, window.size // 2))
            frames = after
        return x, frames


def _emptied_beyond(x: Any, frames: Any, reach: int) -> Any:
    """Zero, as beyond the edge of a line alone, in the columns that a convolution sees from the line's last."""
    for offset in range(reach):
        # the widest line has no such column: its last takes its own place
        column = ops.minimum(frames + offset, ops.shape(x)[1] - 1)
        is_own = ops.cast(ops.reshape(column < frames, (-1, 1, 1)), x.dtype)
        x = _with_column(x, column, x[:, -1] * is_own)
    return x


def _pooled(layer: keras.layers.MaxPooling2D, x: Any, frames: Any, after: Any, window: Window) -> Any:
    """Pooled, the last of each line's frames from the line's own columns only: what is beyond the edge must not win."""
    last = after - 1
    own = _columns(x, ops.stack([last * window.stride, frames - 1], axis=1))
    return _with_column(layer(x), last, layer(own)[:, 0])


def _columns(x: Any, columns: Any) -> Any:
    """Of each line its own `columns`, (lines, columns), as (lines, columns, height, channels)."""
    lines, width = ops.shape(x)[0], ops.shape(x)[1]
    places = ops.expand_dims(ops.arange(lines) * width, 1) + columns
    return ops.take(ops.reshape(x, (-1, *x.shape[2:])), places, axis=0)


def _with_column(x: Any, column: Any, values: Any) -> Any:
    return ops.scatter_update(x, ops.stack([ops.arange(ops.shape(x)[0]), column], axis=1), values)


def _own_frames(x: Any, frames: Any) -> Any:
    """Which frames belong to the line; bool (lines, time)."""
    return ops.expand_dims(ops.arange(ops.shape(x)[1]), 0) < ops.expand_dims(frames, 1)


def _is_aligned(layer: keras.layers.Layer) -> bool:
    window = window_of(layer)
    if window is None or window.padding == "valid":
        return True
    if isinstance(layer, keras.layers.AveragePooling2D):
        return False  # the average at the edge is over fewer pixels
    # the filling is shared between left and right; only these leave the left alone
    if isinstance(layer, keras.layers.Conv2D) and window.stride == 1:
        return True
    return window.size <= 2 and window.stride <= window.size
