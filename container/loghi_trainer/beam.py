"""CTC prefix search: the labels whose paths are together the most probable, kept within a beam; blank last.

Own code: the decoder of TensorFlow, which Loghi uses and Keras offers, finds other sequences than this definition in
40 of 800 random matrices, needs TensorFlow, and takes five times as long on real lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from loghi_trainer.language_model import LanguageModel

Floats = NDArray[np.float64]

_IMPOSSIBLE: Final = -np.inf
# a prefix is known by a number made of its labels: a product with an odd constant, then the label
_PREFIX_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
# with a guide a line grows by the likeliest labels of a frame only: on real validation lines as good as by all of them
_LABELS_A_FRAME: Final = 8
_ROOT: Final = 1
_NO_PARENT: Final = 0


@dataclass(frozen=True)
class Guide:
    """What hands and offices write: `weight` times the logarithm of how usual a label is counts beside the image.

    `per_label` is added for each label, or short texts would always be more usual than long ones.
    """

    model: LanguageModel
    weight: float
    per_label: float


class _Beam(NamedTuple):
    """Label sequences kept for each line; all (batch, beam width).

    `blank` and `label` are logarithms of the probability of all paths of this sequence that end so, by the image
    alone; `usual` is what the guide adds to them, and `state` where its model stands.
    """

    sequence: NDArray[np.uint64]
    parent: NDArray[np.uint64]
    last: NDArray[np.int64]
    blank: Floats
    label: Floats
    usual: Floats
    state: NDArray[np.int64]

    @property
    def total(self) -> Floats:
        return np.logaddexp(self.blank, self.label)


class _Frame(NamedTuple):
    """One time step of a batch: all classes (batch, classes); the symbols (batch, 1 + n) of the beam, the blank first.

    By the others a sequence may grow, with these logarithms of their probabilities (batch, n).
    """

    all: Floats
    symbols: NDArray[np.int64]
    grown: Floats


def beam_search(
    log_probabilities: Floats, frames: NDArray[np.int32], beam_width: int, guide: Guide | None = None
) -> list[tuple[list[int], float]]:
    """The best label sequence of each line and the logarithm of its probability, no line feeling another.

    Args:
        log_probabilities: (batch, time, classes), all finite; the last class is the blank.
        frames: (batch,), time steps that belong to the line.
        guide: what helps to choose; the probability is the image's all the same.

    Source: Graves et al. 2006, section 3.2, with a beam instead of a best-first search.
    """
    batch, time, classes = log_probabilities.shape
    blank = classes - 1
    # beyond its end a line goes on with certain blanks, which change nothing
    ended = np.arange(time) >= np.asarray(frames)[:, None]
    log_probabilities = np.where(ended[..., None], _IMPOSSIBLE, log_probabilities)
    log_probabilities[..., blank][ended] = 0.0
    if guide is not None:
        guide.model.keep_small()
    beam = _start(batch, beam_width, blank, guide)
    steps = []
    for frame in _frames(log_probabilities, blank if guide is None else _LABELS_A_FRAME):
        beam, origin, symbol = _advance(beam, frame, beam_width, guide)
        steps.append((origin, symbol))
    total = beam.total
    ranked = total + beam.usual
    if guide is not None:
        ranked += guide.weight * guide.model.log_probabilities(beam.state, np.full_like(beam.state, blank))
    best = ranked.argmax(axis=1)
    return [(_labels_of(steps, line, place, blank), float(total[line, place])) for line, place in enumerate(best)]


def _frames(log_probabilities: Floats, labels_a_frame: int) -> Iterator[_Frame]:
    batch, _, classes = log_probabilities.shape
    of_labels = log_probabilities[..., :-1]
    if labels_a_frame < classes - 1:
        labels = np.argpartition(-of_labels, labels_a_frame - 1, axis=-1)[..., :labels_a_frame]
        of_labels = np.take_along_axis(of_labels, labels, axis=-1)
    else:
        labels = np.broadcast_to(np.arange(classes - 1), of_labels.shape)
    stay = np.full((batch, 1), classes - 1)
    for place, grown in enumerate(of_labels.swapaxes(0, 1)):
        symbols = np.concatenate([stay, labels[:, place]], axis=1)
        yield _Frame(log_probabilities[:, place], symbols, grown)


def _start(batch: int, beam_width: int, blank: int, guide: Guide | None) -> _Beam:
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
        usual=np.zeros(shape),
        state=np.full(shape, guide.model.start if guide is not None else 0),
    )


def _advance(
    beam: _Beam, frame: _Frame, beam_width: int, guide: Guide | None
) -> tuple[_Beam, NDArray[np.int64], NDArray[np.int64]]:
    """The beam after one more frame, and for each place where it came from and by which symbol."""
    batch, classes = frame.all.shape
    blank = classes - 1
    rows = np.arange(batch)[:, None]
    total = beam.total
    own = frame.all[rows, beam.last]

    # a sequence stays as it is by a blank, by its last label again, or by that label added to its parent
    is_parent = (beam.parent[:, :, None] == beam.sequence[:, None, :]) & (total > _IMPOSSIBLE)[:, None, :]
    line, child, parent = np.nonzero(is_parent)
    label = beam.last[line, child]
    from_parent = np.full_like(total, _IMPOSSIBLE)
    from_parent[line, child] = np.where(beam.last[line, parent] == label, beam.blank[line, parent], total[line, parent])
    stays_blank = total + frame.all[:, blank, None]
    stays_label = np.logaddexp(beam.label, from_parent) + own

    # or it grows by a label; between equal labels there must be a blank
    scores = np.empty((*total.shape, frame.symbols.shape[1]))
    np.add(total[:, :, None], frame.grown[:, None, :], out=scores[..., 1:])
    lines, places, columns = np.nonzero(frame.symbols[:, None, 1:] == beam.last[:, :, None])
    scores[lines, places, columns + 1] = (beam.blank + own)[lines, places]
    pairs, columns = np.nonzero(frame.symbols[line, 1:] == label[:, None])
    scores[line[pairs], parent[pairs], columns + 1] = _IMPOSSIBLE
    scores[..., 0] = np.logaddexp(stays_blank, stays_label)

    ranked, added = scores, None
    if guide is not None:
        added = np.zeros_like(scores)
        likely = guide.model.log_probabilities(beam.state[:, :, None], frame.symbols[:, None, 1:])
        np.multiply(likely, guide.weight, out=added[..., 1:])
        added[..., 1:] += guide.per_label
        added += beam.usual[:, :, None]
        ranked = scores + added
    chosen = np.argpartition(-ranked.reshape(batch, -1), beam_width - 1, axis=1)[:, :beam_width]
    origin, column = np.divmod(chosen, scores.shape[2])
    # places in the flat arrays: numpy takes by one index much faster than by two
    chosen += rows * scores[0].size
    of = origin + rows * beam.last.shape[1]
    symbol = frame.symbols[rows, column]
    stays = column == 0
    score, sequence, state, usual = scores.take(chosen), beam.sequence.take(of), beam.state.take(of), beam.usual
    if guide is not None and added is not None:
        state[~stays] = guide.model.after(state[~stays], symbol[~stays])
        usual = added.take(chosen)
    parent_sequence = np.where(stays, beam.parent.take(of), sequence)
    grown = sequence * _PREFIX_FACTOR + symbol.astype(np.uint64) + np.uint64(1)
    advanced = _Beam(
        sequence=np.where(stays, sequence, grown),
        # what is impossible must not come back as a second copy of a sequence in the beam
        parent=np.where(score == _IMPOSSIBLE, np.uint64(_NO_PARENT), parent_sequence),
        last=np.where(stays, beam.last.take(of), symbol),
        blank=np.where(stays, stays_blank.take(of), _IMPOSSIBLE),
        label=np.where(stays, stays_label.take(of), score),
        usual=usual,
        state=state,
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
