"""A bidirectional LSTM whose two directions run side by side in one loop: on a processor several times as fast.

Keras runs one loop a direction, multiplies each frame with the input weights inside it, and lets the framework
derive the gradient of the loop. Here all frames are multiplied at once before the loop, the loop does both
directions together, and the gradient loop is written out. The weights are Keras's own, in Keras's own layers, so
a network is saved and opened as a plain Bidirectional(LSTM).
"""

from importlib import import_module
from typing import Any  # backend tensors have no common type

import keras
from keras import ops


@keras.saving.register_keras_serializable("loghi_trainer")
class SideBySideLSTM(keras.layers.Bidirectional):  # type: ignore[misc]  # Keras is untyped
    """Bidirectional(LSTM) with Keras's result; ask `can_run_side_by_side` first."""

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None) -> Any:
        """(batch, time, features) to (batch, time, 2 * units); a mask may hide the end of a sequence, nothing else.

        Source: Hochreiter & Schmidhuber 1997, in Keras's gate order i, f, c, o.
        """
        cells = (self.forward_layer.cell, self.backward_layer.cell)
        if mask is not None:
            return _read(sequences, cells, mask)
        directions = (sequences, ops.flip(sequences, axis=1))
        projected = [ops.matmul(x, cell.kernel) + cell.bias for x, cell in zip(directions, cells, strict=True)]
        # time first, for the loop: (time, direction, batch, 4 * units)
        frames = ops.transpose(ops.stack(projected), (2, 0, 1, 3))
        recurrent = ops.concatenate([ops.expand_dims(cell.recurrent_kernel, 0) for cell in cells])
        hidden = _hidden_states(frames, recurrent)
        forward = ops.transpose(hidden[:, 0], (1, 0, 2))
        backward = ops.flip(ops.transpose(hidden[:, 1], (1, 0, 2)), axis=1)
        return ops.concatenate([forward, backward], axis=-1)


def can_run_side_by_side(layer: keras.layers.Layer) -> bool:
    """Whether this is a Bidirectional LSTM as Loghi builds it, without the options the fast loop lacks."""
    if not isinstance(layer, keras.layers.Bidirectional) or layer.merge_mode != "concat":
        return False
    lstm = layer.forward_layer
    return (
        isinstance(lstm, keras.layers.LSTM)
        and lstm.return_sequences
        and not lstm.stateful
        and lstm.use_bias
        and lstm.dropout == lstm.recurrent_dropout == 0.0
        and lstm.activation is keras.activations.tanh
        and lstm.recurrent_activation is keras.activations.sigmoid
    )


@ops.custom_gradient  # type: ignore[untyped-decorator]  # Keras is untyped
def _hidden_states(frames: Any, recurrent: Any) -> Any:
    """Hidden states (time, direction, batch, units) of projected frames (time, direction, batch, 4 * units)."""
    states = _run(frames, recurrent)
    hidden = states[..., : recurrent.shape[1]]

    def gradients(*arguments: Any, upstream: Any = None) -> tuple[Any, Any]:
        # the backends disagree on how the gradient from above is passed
        return _gradients(states, recurrent, arguments[0] if upstream is None else upstream)

    return hidden, gradients


def _run(frames: Any, recurrent: Any) -> Any:
    """All states of all frames: hidden, cell and the four gates, each of `units`, on the last axis."""
    start = ops.zeros_like(frames[0, ..., : recurrent.shape[1]])

    def step(state: Any, inputs: Any) -> Any:
        state, gates = _step(state, inputs[0], recurrent)
        return state, ops.concatenate([*state, *gates], axis=-1)

    return _scan(step, (start, start), (frames,))


def _read(sequences: Any, cells: Any, mask: Any) -> Any:
    """Hidden states (batch, time, 2 * units) where nothing is trained: no gates are kept, and each direction has a
    loop of its own, which on a processor multiplies its few rows faster than a batch of two matrices.

    The backward loop comes through the masked end first: of frames that are all zero its state stays exactly zero.
    """
    # time first, for the loops
    frames = ops.transpose(sequences, (1, 0, 2))
    own = ops.cast(ops.expand_dims(ops.transpose(mask), -1), frames.dtype)
    forward, backward = (_projected(frames, cell) for cell in cells)
    directions = (_hidden(forward, cells[0]), _hidden(backward * own, cells[1], reverse=True))
    return ops.transpose(ops.concatenate(directions, axis=-1), (1, 0, 2))


def _projected(frames: Any, cell: Any) -> Any:
    """(time, batch, features) to (time, batch, 4 * units), in one product of two matrices, which takes the bias in."""
    time, batch, features = ops.shape(frames)
    return ops.reshape(ops.matmul(ops.reshape(frames, (-1, features)), cell.kernel) + cell.bias, (time, batch, -1))


def _hidden(projected: Any, cell: Any, reverse: bool = False) -> Any:
    """Hidden states (time, batch, units) of one direction; `projected` is (time, batch, 4 * units)."""
    start = ops.zeros_like(projected[0, :, : cell.units])
    recurrent = ops.convert_to_tensor(cell.recurrent_kernel)

    def step(state: Any, inputs: Any) -> Any:
        state, _ = _step(state, inputs[0], recurrent)
        return state, state[0]

    return _scan(step, (start, start), (projected,), reverse)


def _step(state: Any, projected: Any, recurrent: Any) -> Any:
    """The next hidden and cell state, and the four gates that made them."""
    enter, forget, candidate, leave = ops.split(projected + ops.matmul(state[0], recurrent), 4, axis=-1)
    enter, forget, leave = ops.sigmoid(enter), ops.sigmoid(forget), ops.sigmoid(leave)
    candidate = ops.tanh(candidate)
    cell = forget * state[1] + enter * candidate
    return (leave * ops.tanh(cell), cell), (enter, forget, candidate, leave)


def _gradients(states: Any, recurrent: Any, upstream: Any) -> tuple[Any, Any]:
    """Gradients for the projected frames and the recurrent weights, given those of the hidden states.

    What does not depend on the loop is worked out for all frames at once: the loop itself only adds and multiplies.
    """
    hidden, cell, enter, forget, candidate, leave = ops.split(states, 6, axis=-1)
    previous_cell = ops.concatenate([ops.zeros_like(cell[:1]), cell[:-1]])
    previous_hidden = ops.concatenate([ops.zeros_like(hidden[:1]), hidden[:-1]])
    squashed = ops.tanh(cell)
    gate_slopes = ops.concatenate(
        [
            candidate * enter * (1 - enter),
            previous_cell * forget * (1 - forget),
            enter * (1 - candidate * candidate),
            squashed * leave * (1 - leave),
        ],
        axis=-1,
    )
    cell_slope = leave * (1 - squashed * squashed)
    transposed = ops.transpose(recurrent, (0, 2, 1))
    start = ops.zeros_like(hidden[0])

    def step(state: Any, inputs: Any) -> Any:
        from_above, slopes, slope, kept = inputs
        d_hidden = from_above + state[0]
        d_cell = state[1] + d_hidden * slope
        d_gates = ops.concatenate([d_cell, d_cell, d_cell, d_hidden], axis=-1) * slopes
        return (ops.matmul(d_gates, transposed), d_cell * kept), d_gates

    d_frames = _scan(step, (start, start), (upstream, gate_slopes, cell_slope, forget), reverse=True)
    return d_frames, ops.einsum("tdbu,tdbg->dug", previous_hidden, d_frames)


def _scan(step: Any, start: Any, inputs: Any, reverse: bool = False) -> Any:
    """What `step(state, inputs of one frame) -> (state, kept)` keeps of every frame, stacked along time."""
    if keras.backend.backend() != "tensorflow":
        return ops.scan(step, start, inputs, reverse=reverse)[1]
    # Keras's own scan for TensorFlow fails where the number of frames is not known in advance
    tensorflow = import_module("tensorflow")
    count = tensorflow.shape(inputs[0])[0]
    arrays = [tensorflow.TensorArray(x.dtype, count, element_shape=x.shape[1:]).unstack(x) for x in inputs]

    def body(index: Any, state: Any, kept: Any) -> Any:
        state, keep = step(state, tuple(array.read(index) for array in arrays))
        return index + (-1 if reverse else 1), state, kept.write(index, keep)

    _, _, kept = tensorflow.while_loop(
        lambda index, *_: index >= 0 if reverse else index < count,
        body,
        (count - 1 if reverse else 0, start, tensorflow.TensorArray(start[0].dtype, count)),
    )
    return kept.stack()
