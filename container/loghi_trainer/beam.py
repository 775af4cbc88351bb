"""CTC prefix search: the labels whose paths are together the most probable, kept within a beam; blank last.

Own code: the decoder of TensorFlow, which Loghi uses and Keras offers, finds other sequences than this definition in
40 of 800 random matrices, needs TensorFlow, and takes five times as long on real lines.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_IMPOSSIBLE: Final = -np.inf
# a prefix is known by a number made of its labels: a product with an odd constant, then the label
_PREFIX_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
_ROOT: Final = 1
_NO_PARENT: Final = 0


class _Beam(NamedTuple):
    """Label sequences kept for each line; all (batch, beam width).

    `blank` and `label` are logarithms of the probability of all paths of this sequence that end so.
    """

    sequence: NDArray[np.uint64]
    parent: NDArray[np.uint64]
    last: NDArray[np.int64]
    blank: Floats
    label: Floats

    @property
    def total(self) -> Floats:
        return np.logaddexp(self.blank, self.label)


def beam_search(log_probabilities: Floats, frames: NDArray[np.int32], beam_width: int) -> list[tuple[list[int], float]]:
    """The best label sequence of each line and the logarithm of its probability, no line feeling another.

    Args:
        log_probabilities: (batch, time, classes), all finite; the last class is the blank.
        frames: (batch,), time steps that belong to the line.

    Source: Graves et al. 2006, section 3.2, with a beam instead of a best-first search.
    """
    batch, time, classes = log_probabilities.shape
    blank = classes - 1
    # beyond its end a line goes on with certain blanks, which change nothing
    ended = np.arange(time) >= np.asarray(frames)[:, None]
    log_probabilities = np.where(ended[..., None], _IMPOSSIBLE, log_probabilities)
    log_probabilities[..., blank][ended] = 0.0
    beam = _start(batch, beam_width, blank)
    steps = []
    for frame in log_probabilities.swapaxes(0, 1):
        beam, origin, symbol = _advance(beam, frame, beam_width)
        steps.append((origin, symbol))
    total = beam.total
    best = total.argmax(axis=1)
    return [(_labels_of(steps, line, place, blank), float(total[line, place])) for line, place in enumerate(best)]


def _start(batch: int, beam_width: int, blank: int) -> _Beam:
    """The empty sequence, certain; the other places are impossible."""
    shape = (batch, beam_width)
    certain = np.full(shape, _IMPOSSIBLE)
    certain[:, 0] = 0.0
    return _Beam(
        sequence=np.full(shape, _ROOT, np.uint64),
        parent=np.full(shape, _NO_PARENT, np.uint64),
        last=np.full(shape, blank),
        blank=certain,
        label=np.full(shape, _IMPOSSIBLE),
    )


def _advance(beam: _Beam, frame: Floats, beam_width: int) -> tuple[_Beam, NDArray[np.int64], NDArray[np.int64]]:
    """The beam after one more frame (batch, classes), and for each place where it came from and by which symbol."""
    batch, classes = frame.shape
    blank = classes - 1
    total = beam.total
    own = np.take_along_axis(frame, beam.last, axis=1)

    # a sequence stays as it is by a blank, by its last label again, or by that label added to its parent
    is_parent = beam.parent[:, :, None] == beam.sequence[:, None, :]
    is_repeat = beam.last[:, :, None] == beam.last[:, None, :]
    before = np.where(is_repeat, beam.blank[:, None, :], total[:, None, :])
    from_parent = np.where(is_parent, before, _IMPOSSIBLE).max(axis=2)
    stays_blank = total + frame[:, blank, None]
    stays_label = np.logaddexp(beam.label, from_parent) + own

    # or it grows by a label; between equal labels there must be a blank
    scores = total[:, :, None] + frame[:, None, :]
    np.put_along_axis(scores, beam.last[..., None], (beam.blank + own)[..., None], axis=2)
    line, child, parent = np.nonzero(is_parent)
    scores[line, parent, beam.last[line, child]] = _IMPOSSIBLE
    # the blank's column stands for staying
    scores[:, :, blank] = np.logaddexp(stays_blank, stays_label)

    flat = scores.reshape(batch, -1)
    chosen = np.argpartition(-flat, beam_width - 1, axis=1)[:, :beam_width]
    origin, symbol = np.divmod(chosen, classes)
    stays = symbol == blank
    score, sequence = np.take_along_axis(flat, chosen, axis=1), np.take_along_axis(beam.sequence, origin, axis=1)
    parent_sequence = np.where(stays, np.take_along_axis(beam.parent, origin, axis=1), sequence)
    grown = sequence * _PREFIX_FACTOR + symbol.astype(np.uint64) + np.uint64(1)
    advanced = _Beam(
        sequence=np.where(stays, sequence, grown),
        # what is impossible must not come back as a second copy of a sequence in the beam
        parent=np.where(score == _IMPOSSIBLE, np.uint64(_NO_PARENT), parent_sequence),
        last=np.where(stays, np.take_along_axis(beam.last, origin, axis=1), symbol),
        blank=np.where(stays, np.take_along_axis(stays_blank, origin, axis=1), _IMPOSSIBLE),
        label=np.where(stays, np.take_along_axis(stays_label, origin, axis=1), score),
    )
    return advanced, origin, symbol


def _labels_of(
    steps: list[tuple[NDArray[np.int64], NDArray[np.int64]]], line: int, place: int, blank: int
) -> list[int]:
    """Follow the steps back from a place in the last beam."""
    labels = []
    for origin, symbol in reversed(steps):
        if symbol[line, place] != blank:
            labels.append(int(symbol[line, place]))
        place = origin[line, place]
    return labels[::-1]
