"""Connectionist temporal classification with the blank as the last class.

The only file that knows where the blank is, and one of the two that speak to a backend directly.
"""

from importlib import import_module
from typing import Any  # backend tensors have no common type

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

# Loghi adds this to its probabilities before the logarithm
_EPSILON = 1e-7


def ctc_loss(labels: Any, probabilities: Any) -> Any:
    """Negative log likelihood of each line's labels; float32 (batch,).

    Args:
        labels: (batch, longest), filled with negative numbers.
        probabilities: (batch, time, classes), softmax; the last class is the blank. All frames of the batch count,
            filling included: Loghi models learn to write nothing there.

    Source: Graves et al. 2006; class order and epsilon as in Loghi HTR 2.x.
    """
    labels = ops.cast(labels, "int32")
    lengths = ops.sum(ops.cast(labels >= 0, "int32"), axis=1)
    labels = ops.maximum(labels, 0)
    log_probabilities = ops.log(ops.cast(probabilities, "float32") + _EPSILON)
    shape = ops.shape(log_probabilities)
    frames = ops.full((shape[0],), shape[1], dtype="int32")
    blank = probabilities.shape[-1] - 1
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_ctc_loss(labels, log_probabilities, lengths, frames, blank)
    return ops.ctc_loss(labels, log_probabilities, lengths, frames, mask_index=blank)


def greedy_decode(probabilities: NDArray[np.float32], frames: NDArray[np.int32]) -> list[list[int]]:
    """The best label sequence of each line, repeats and blanks removed.

    Args:
        probabilities: (batch, time, classes); the last class is the blank.
        frames: (batch,), time steps that belong to the line.

    Source: Graves et al. 2006, section 3.2, best path decoding.
    """
    blank = probabilities.shape[-1] - 1
    decoded = []
    for line, length in zip(probabilities, frames, strict=True):
        path = line[:length].argmax(axis=-1)
        changes = np.concatenate(([True], path[1:] != path[:-1])) if length else np.zeros(0, bool)
        decoded.append([int(label) for label in path[changes] if label != blank])
    return decoded


def _tensorflow_ctc_loss(labels: Any, log_probabilities: Any, lengths: Any, frames: Any, blank: int) -> Any:
    # with sparse labels TensorFlow uses its C++ kernel; with dense ones a much slower graph of small operations
    tensorflow = import_module("tensorflow")
    mask = tensorflow.sequence_mask(lengths, tensorflow.shape(labels)[1])
    indices = tensorflow.where(mask)
    sparse = tensorflow.SparseTensor(
        indices, tensorflow.boolean_mask(labels, mask), tensorflow.shape(labels, out_type=tensorflow.int64)
    )
    return tensorflow.nn.ctc_loss(sparse, log_probabilities, None, frames, logits_time_major=False, blank_index=blank)
