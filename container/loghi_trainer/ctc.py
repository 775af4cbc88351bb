"""Connectionist temporal classification with the blank as the last class.

The only file that knows where the blank is, and one of the two that speak to a backend directly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any  # backend tensors have no common type

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from loghi_trainer.beam import Guide, beam_search

# Loghi adds this to its probabilities before the logarithm
_EPSILON = 1e-7


@dataclass(frozen=True)
class Decoded:
    """A line's labels, and the logarithm of their probability: of the best path alone, or of all in the beam."""

    labels: list[int]
    log_probability: float


def ctc_loss(labels: Any, probabilities: Any, frames: Any = None) -> Any:
    """Negative log likelihood of each line's labels; float32 (batch,).

    Args:
        labels: (batch, longest), filled with negative numbers.
        probabilities: (batch, time, classes), softmax; the last class is the blank.
        frames: (batch,), time steps that belong to the line. Without it all frames of the batch count, filling
            included, as in training: Loghi models learn to write nothing there.

    Source: Graves et al. 2006; class order and epsilon as in Loghi HTR 2.x.
    """
    labels = ops.cast(labels, "int32")
    lengths = ops.sum(ops.cast(labels >= 0, "int32"), axis=1)
    labels = ops.maximum(labels, 0)
    log_probabilities = ops.log(ops.cast(probabilities, "float32") + _EPSILON)
    shape = ops.shape(log_probabilities)
    frames = ops.full((shape[0],), shape[1], dtype="int32") if frames is None else ops.cast(frames, "int32")
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_ctc_loss(labels, log_probabilities, lengths, frames)
    return ops.ctc_loss(labels, log_probabilities, lengths, frames, mask_index=probabilities.shape[-1] - 1)


def decode(
    probabilities: NDArray[np.float32], frames: NDArray[np.int32], beam_width: int = 1, guide: Guide | None = None
) -> list[Decoded]:
    """The best label sequence of each line, repeats and blanks removed.

    Args:
        probabilities: (batch, time, classes); the last class is the blank.
        frames: (batch,), time steps that belong to the line.
        beam_width: label sequences kept after each frame; 1 takes the best class of each frame instead, without guide.
        guide: what helps to choose; the probabilities are the image's all the same.

    Source: Graves et al. 2006, section 3.2: best path and prefix search; epsilon as in Loghi HTR 2.x.
    """
    if beam_width == 1 and guide is None:
        return [_best_path(line[:length]) for line, length in zip(probabilities, frames, strict=True)]
    log_probabilities = np.log(probabilities.astype(np.float64) + _EPSILON)
    return [Decoded(*found) for found in beam_search(log_probabilities, frames, beam_width, guide)]


@dataclass(frozen=True)
class Run:
    """A label of the best path, from frame `start` up to, not including, `end`, and its highest probability there."""

    label: int
    start: int
    end: int
    probability: float


def best_path_runs(line: NDArray[np.float32]) -> list[Run]:
    """Where each label of a line stands on its best path; the labels are those of `decode`.

    Args:
        line: (time, classes), the frames of the line alone.
    """
    blank = line.shape[-1] - 1
    path = line.argmax(axis=-1)
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    ends = [*starts[1:], len(path)]
    return [
        Run(int(path[start]), int(start), int(end), float(line[start:end].max()))
        for start, end in zip(starts, ends, strict=True)
        if path[start] != blank
    ]


def aligned_runs(line: NDArray[np.float32], labels: Sequence[int]) -> list[Run]:
    """Where each of the labels stands on the likeliest path of those that write them, and no others.

    Args:
        line: as for `best_path_runs`, with room for the labels: where a search has found them, there is.

    Source: the Viterbi algorithm on the labels with blanks around them, Graves et al. 2006, section 4.1.
    """
    if not labels:
        return []
    blank = line.shape[-1] - 1
    symbols = np.full(2 * len(labels) + 1, blank)
    symbols[1::2] = labels
    log_probabilities = np.log(line.astype(np.float64) + _EPSILON)[:, symbols]
    # a blank between two labels may be left out, unless they are the same
    may_skip = np.concatenate([[False, False], (symbols[2:] != blank) & (symbols[2:] != symbols[:-2])])
    best = np.full(len(symbols), -np.inf)
    best[:2] = log_probabilities[0, :2]
    steps = np.zeros(log_probabilities.shape, np.int8)
    for frame in range(1, len(line)):
        come = np.stack([best, *(np.concatenate([np.full(n, -np.inf), best])[: len(best)] for n in (1, 2))])
        come[2, ~may_skip] = -np.inf
        steps[frame] = come.argmax(axis=0)
        best = come.max(axis=0) + log_probabilities[frame]
    place = len(symbols) - 1 - int(best[-2] > best[-1])
    frames: list[list[int]] = [[] for _ in labels]
    for frame in range(len(line) - 1, -1, -1):
        if place % 2:
            frames[place // 2].append(frame)
        place -= int(steps[frame, place])
    return [
        Run(label, found[-1], found[0] + 1, float(line[found[-1] : found[0] + 1, label].max()))
        for label, found in zip(labels, frames, strict=True)
    ]


def _best_path(line: NDArray[np.float32]) -> Decoded:
    blank = line.shape[-1] - 1
    path = line.argmax(axis=-1)
    is_new = np.diff(path, prepend=-1) != 0
    log_probability = np.log(line.max(axis=-1).astype(np.float64) + _EPSILON).sum()
    return Decoded([int(label) for label in path[is_new] if label != blank], float(log_probability))


def _tensorflow_ctc_loss(labels: Any, log_probabilities: Any, lengths: Any, frames: Any) -> Any:
    # this kernel takes the blank as the last class and runs on the processor. The newer function would choose cuDNN's
    # on a card, which fails beyond 255 labels; with dense labels it is a much slower graph of small operations.
    tensorflow = import_module("tensorflow")
    mask = tensorflow.sequence_mask(lengths, tensorflow.shape(labels)[1])
    indices = tensorflow.where(mask)
    sparse = tensorflow.SparseTensor(
        indices, tensorflow.boolean_mask(labels, mask), tensorflow.shape(labels, out_type=tensorflow.int64)
    )
    return tensorflow.compat.v1.nn.ctc_loss(sparse, log_probabilities, frames, time_major=False)
