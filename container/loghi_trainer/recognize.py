"""What a model reads in line images, the same whichever lines share a batch."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from loghi_contract.tokenizer import Tokenizer
from loghi_trainer.ctc import Decoded, decode
from loghi_trainer.dataset import ImageStore, recognition_batches
from loghi_trainer.lines import Line
from loghi_trainer.network import can_hide_padding, frames_of, padding_hidden


@dataclass(frozen=True)
class ReadLine:
    """A text, trimmed as Loghi trims it, and a confidence from 0 to 1.

    The confidence is that of Loghi: the probability of what was decoded, its root taken by the number of characters.
    """

    text: str
    confidence: float


class Cancelled(Exception):
    """The run was asked to stop while lines were being recognised."""


class Recognizer:
    """Reads lines in batches; the result is that of Loghi's own inference with a batch of one.

    A network whose layers shift a line with the batch's width is fed one line at a time.
    """

    def __init__(self, network: keras.Model, tokenizer: Tokenizer, batch_size: int, beam_width: int = 1) -> None:
        self._network = network
        self._tokenizer = tokenizer
        self._hidden = padding_hidden(network) if can_hide_padding(network) else None
        self._batch_size = batch_size if self._hidden is not None else 1
        self._beam_width = beam_width

    def recognize(
        self, lines: Sequence[Line], store: ImageStore, is_cancelled: Callable[[], bool] = lambda: False
    ) -> list[str]:
        """The text of every line, in order, trimmed as Loghi trims it.

        Raises:
            Cancelled: `is_cancelled` became true between two batches.
        """
        return [line.text for line in self.read(lines, store, is_cancelled)]

    def read(
        self,
        lines: Sequence[Line],
        store: ImageStore,
        is_cancelled: Callable[[], bool] = lambda: False,
        on_lines: Callable[[int], None] = lambda _done: None,
    ) -> list[ReadLine]:
        """Text and confidence of every line, in order.

        Args:
            on_lines: told how many lines are read, after each batch.

        Raises:
            Cancelled: `is_cancelled` became true between two batches.
        """
        found = [ReadLine("", 0.0)] * len(lines)
        done = 0
        for indices, images, widths_px in recognition_batches(lines, store, self._batch_size):
            if is_cancelled():
                raise Cancelled
            probabilities, frames = self._probabilities(images, widths_px)
            decoded = decode(probabilities, frames, self._beam_width)
            for index, each in zip(indices, decoded, strict=True):
                found[index] = ReadLine(self._tokenizer.decode(each.labels), _confidence(each))
            done += len(indices)
            on_lines(done)
        return found

    def _probabilities(
        self, images: NDArray[np.float32], widths_px: NDArray[np.int32]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        if self._hidden is None:
            probabilities = self._network.predict_on_batch(images)
            frames = np.asarray([frames_of(self._network, int(width)) for width in widths_px], np.int32)
            return probabilities, frames
        lines = len(images)
        # a last batch of another size would be compiled anew; the lines added to fill it are cut off again
        missing = self._batch_size - lines
        images = np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0)))
        widths_px = np.pad(widths_px, (0, missing), constant_values=images.shape[1])
        probabilities, frames = self._hidden.predict_on_batch([images, widths_px])
        return probabilities[:lines], frames[:lines]


def _confidence(decoded: Decoded) -> float:
    """Source: Loghi HTR 2.x, exp(log probability / decoded characters), at most 1."""
    if not decoded.labels:
        return 0.0
    return min(math.exp(decoded.log_probability / len(decoded.labels)), 1.0)
