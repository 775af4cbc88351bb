"""Beam decoding against the definition, written as slowly and plainly as possible."""

import math
from collections import defaultdict
from itertools import groupby, product

import numpy as np
import pytest

from loghi_trainer.beam import beam_search


def matrices(count: int, frames: int, classes: int) -> np.ndarray:
    """Logarithms of random probabilities: some frames are sure of a class, others are not."""
    rng = np.random.default_rng(classes)
    return np.log(rng.dirichlet(np.full(classes, 0.4), (count, frames)) + 1e-7)


def test_a_wide_beam_finds_the_most_probable_of_all_sequences() -> None:
    lines = matrices(40, 5, 4)

    found = beam_search(lines, np.full(40, 5, np.int32), 400)

    for line, (labels, log_probability) in zip(lines, found, strict=True):
        expected = slow_sum_over_all_paths(line)
        assert labels == expected[0]
        assert log_probability == pytest.approx(expected[1])


@pytest.mark.parametrize("beam_width", [2, 3, 10, 40])
def test_a_beam_keeps_the_best_sequences_of_each_frame(beam_width: int) -> None:
    lines = matrices(60, 15, 7)

    found = beam_search(lines, np.full(60, 15, np.int32), beam_width)

    for line, (labels, log_probability) in zip(lines, found, strict=True):
        expected = slow_prefix_search(line, beam_width)
        assert labels == expected[0]
        assert log_probability == pytest.approx(expected[1])


def test_a_line_does_not_feel_its_neighbours_nor_what_lies_beyond_its_end() -> None:
    lines = matrices(8, 20, 6)
    frames = np.array([20, 3, 1, 7, 20, 12, 19, 0], np.int32)

    together = beam_search(lines, frames, 5)

    for line, count, (labels, log_probability) in zip(lines, frames, together, strict=True):
        [alone] = beam_search(line[None, :count], np.array([count], np.int32), 5)
        assert labels == alone[0]
        assert log_probability == pytest.approx(alone[1], abs=1e-12)


def slow_sum_over_all_paths(line: np.ndarray) -> tuple[list[int], float]:
    totals: dict[tuple[int, ...], float] = defaultdict(float)
    frames, classes = line.shape
    for path in product(range(classes), repeat=frames):
        labels = tuple(label for label, _ in groupby(path) if label != classes - 1)
        totals[labels] += math.exp(sum(line[frame, label] for frame, label in enumerate(path)))
    best = max(totals, key=lambda labels: totals[labels])
    return list(best), math.log(totals[best])


def slow_prefix_search(line: np.ndarray, beam_width: int) -> tuple[list[int], float]:
    """Probability of each sequence by paths that end in a blank and by paths that end in its last label."""
    blank = line.shape[1] - 1
    beam = {(): (1.0, 0.0)}
    for frame in np.exp(line):
        grown: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for labels, (by_blank, by_label) in beam.items():
            grown[labels][0] += (by_blank + by_label) * frame[blank]
            if labels:
                grown[labels][1] += by_label * frame[labels[-1]]
            for label in range(blank):
                before = by_blank if labels[-1:] == (label,) else by_blank + by_label
                grown[(*labels, label)][1] += before * frame[label]
        kept = sorted(grown.items(), key=lambda item: -sum(item[1]))[:beam_width]
        beam = {labels: (by_blank, by_label) for labels, (by_blank, by_label) in kept}
    best = max(beam, key=lambda labels: sum(beam[labels]))
    return list(best), math.log(sum(beam[best]))
