"""What a model reads in line images, the same whichever lines share a batch."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

import keras
import numpy as np
from numpy.typing import NDArray

from loghi_contract.events import Notice
from loghi_contract.tokenizer import Tokenizer
from loghi_contract.widths import steps_for_labels
from loghi_trainer.beam import Guide
from loghi_trainer.ctc import Decoded, ctc_loss, decode
from loghi_trainer.dataset import LABEL_PADDING, LineImages, prepared_ahead, recognition_batches
from loghi_trainer.device import for_any_width
from loghi_trainer.errors import is_out_of_memory
from loghi_trainer.images import Tensor
from loghi_trainer.lines import Line
from loghi_trainer.network import frames_of
from loghi_trainer.padding import PaddingHidden, can_hide_padding

Frames = NDArray[np.int32]

#: Readings followed at once with a language model, where no wider beam was asked for: 12 read a little worse, and are
#: no quicker by much.
GUIDED_BEAM = 16
#: A reading with the language model is not taken where the image finds it, for each character, less probable than its
#: own by this factor's logarithm. On validation lines no bound made fewer errors (the lines that the image contradicts
#: most were the most wrong without it); this one is met by none of them, and keeps out what stands nowhere.
MOST_CONTRADICTED = 1.0


@dataclass(frozen=True)
class ReadLine:
    """A text, trimmed as Loghi trims it, and a confidence from 0 to 1.

    The confidence is that of Loghi: the probability of what was decoded, its root taken by the number of characters.
    `loss` is the negative log likelihood of the line's own text, where it was asked for and the model can write it.
    `guided` is what was read with a language model, where there was one; its confidence is the image's, too.
    """

    text: str
    confidence: float
    loss: float | None = None
    guided: "ReadLine | None" = None

    @property
    def best(self) -> "ReadLine":
        return self.guided or self


class Cancelled(Exception):
    """The run was asked to stop while lines were being recognised."""


class Recognizer:
    """Reads lines in batches; the result is that of Loghi's own inference with a batch of one.

    A network whose layers shift a line with the batch's width is fed one line at a time. The loop of an LSTM keeps one
    core busy: `at_once` batches at the same time take the others, on the `places` in turn. A batch that does not fit in
    memory is read in halves: the texts are the same, and it is told once.
    """

    def __init__(
        self,
        network: keras.Model,
        tokenizer: Tokenizer,
        batch_size: int,
        beam_width: int = 1,
        at_once: int = 2,
        places: Sequence[str | None] = (None,),
        tell: Callable[[Notice], None] = lambda _notice: None,
    ) -> None:
        self._network = network
        self._tokenizer = tokenizer
        self._hides_padding = can_hide_padding(network)
        self._run = for_any_width(PaddingHidden(network) if self._hides_padding else network, places)
        self._tell = tell
        self._has_told = False
        self._batch_size = batch_size if self._hides_padding else 1
        self._beam_width = beam_width
        self._at_once = at_once
        # the tables of a language model are everybody's; meanwhile the network reads another batch
        self._one_guided = Lock()

    def read(
        self,
        lines: Sequence[Line],
        store: LineImages,
        is_cancelled: Callable[[], bool] = lambda: False,
        on_lines: Callable[[int], None] = lambda _done: None,
        *,
        with_loss: bool = False,
        guide: Guide | None = None,
    ) -> list[ReadLine]:
        """Text and confidence of every line, in order.

        Args:
            guide: of a language model that helps to read each line once more; what is read without it stays the same.
            on_lines: told how many lines are read, after each batch.

        Raises:
            Cancelled: `is_cancelled` became true between two batches.
        """

        def read_batch(batch: tuple[list[int], Tensor, Frames]) -> tuple[list[int], list[ReadLine]]:
            indices, images, widths_px = batch
            probabilities, frames = self._probabilities(images, widths_px)
            decoded = decode(probabilities, frames, self._beam_width)
            texts = [lines[index].text for index in indices]
            losses = self._losses(texts, probabilities, frames) if with_loss else [None] * len(texts)
            guided: Sequence[Decoded | None] = [None] * len(texts)
            if guide is not None:
                guided = self.guided(probabilities, frames, guide, decoded)
            return indices, [self._read_line(*found) for found in zip(decoded, losses, guided, strict=True)]

        found = [ReadLine("", 0.0)] * len(lines)
        done = 0
        batches = recognition_batches(lines, store, self._batch_size)
        for indices, read in prepared_ahead(read_batch, batches, self._at_once, self._at_once):
            if is_cancelled():
                raise Cancelled
            for index, line in zip(indices, read, strict=True):
                found[index] = line
            done += len(indices)
            on_lines(done)
        return found

    def batches(self, lines: Sequence[Line], store: LineImages) -> Iterator[tuple[list[int], Tensor, Frames]]:
        """Places of lines, their probabilities (lines, time, classes), and how many time steps are theirs (lines,)."""
        for indices, images, widths_px in recognition_batches(lines, store, self._batch_size):
            yield indices, *self._probabilities(images, widths_px)

    def _read_line(self, decoded: Decoded, loss: float | None, guided: Decoded | None = None) -> ReadLine:
        with_guide = self._read_line(guided, None) if guided is not None else None
        return ReadLine(self._tokenizer.decode(decoded.labels), _confidence(decoded), loss, with_guide)

    def guided(self, probabilities: Tensor, frames: Frames, guide: Guide, by_image: Sequence[Decoded]) -> list[Decoded]:
        """What is read with a language model, where the image does not contradict it strongly."""
        with self._one_guided:
            found = decode(probabilities, frames, max(self._beam_width, GUIDED_BEAM), guide)
        return [trusted(*pair) for pair in zip(found, by_image, strict=True)]

    def _probabilities(self, images: Tensor, widths_px: Frames) -> tuple[Tensor, Frames]:
        try:
            return self._computed(images, widths_px)
        except Exception as error:
            if len(images) == 1 or not is_out_of_memory(error):
                raise
        # not within `except`: there the error's traceback holds on to what was computed
        self._tell_once(len(images), images.shape[1])
        half = len(images) // 2
        halves = [self._probabilities(images[part], widths_px[part]) for part in (slice(half), slice(half, None))]
        probabilities, frames = (np.concatenate(each) for each in zip(*halves, strict=True))
        return probabilities, frames

    def _tell_once(self, lines: int, width_px: int) -> None:
        if not self._has_told:
            self._has_told = True
            message = f"{lines} lines of {width_px} pixels did not fit in memory at once: they are read in halves"
            self._tell(Notice("memory.read_in_halves", message, "The texts are the same; it takes a little longer."))

    def _computed(self, images: Tensor, widths_px: Frames) -> tuple[Tensor, Frames]:
        if self._hides_padding:
            probabilities, frames = self._run([images, widths_px])
            return probabilities, frames
        [probabilities] = self._run([images])
        return probabilities, np.asarray([frames_of(self._network, int(width)) for width in widths_px], np.int32)

    def _losses(self, texts: Sequence[str], probabilities: Tensor, frames: Frames) -> list[float | None]:
        """Of each line alone; None where the model cannot write the text."""
        rows = [None if self._tokenizer.unknown(text) else self._tokenizer.encode(text) for text in texts]
        known = [place for place, row in enumerate(rows) if row and steps_for_labels(row) <= frames[place]]
        losses: list[float | None] = [None] * len(rows)
        if not known:
            return losses
        labels = np.full((len(known), max(len(rows[place] or ()) for place in known)), LABEL_PADDING, np.int32)
        for target, place in zip(labels, known, strict=True):
            row = rows[place] or []
            target[: len(row)] = row
        for place, loss in zip(known, np.asarray(ctc_loss(labels, probabilities[known], frames[known])), strict=True):
            losses[place] = float(loss)
        return losses


def trusted(guided: Decoded, by_image: Decoded) -> Decoded:
    """The reading with the language model, unless the image contradicts it strongly: then its own."""
    characters = max(len(guided.labels), len(by_image.labels), 1)
    is_contradicted = by_image.log_probability - guided.log_probability > MOST_CONTRADICTED * characters
    return by_image if is_contradicted else guided


def _confidence(decoded: Decoded) -> float:
    """Source: Loghi HTR 2.x, exp(log probability / decoded characters, or 1 if there are none), at most 1."""
    return min(math.exp(decoded.log_probability / max(len(decoded.labels), 1)), 1.0)
