"""What a Loghi model reads in line images, letter by letter. Imports Keras: its backend must be chosen before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from loghi_contract.language_model import read_facts
from loghi_contract.lines import LineSample
from loghi_contract.tokenizer import Tokenizer
from loghi_contract.widths import MARGIN_PX
from loghi_trainer.base_model import open_base_model
from loghi_trainer.ctc import Run, aligned_runs, best_path_runs
from loghi_trainer.ctc import decode as decode_labels
from loghi_trainer.images import MIN_WIDTH_PX, Pixels, Tensor, decode, resize_to_height, resized_width
from loghi_trainer.learnt_texts import open_guide
from loghi_trainer.lines import Line
from loghi_trainer.network import rebuilt
from loghi_trainer.recognize import Recognizer
from loghi_trainer.straighten import straighten


@dataclass(frozen=True)
class ReadCharacter:
    """A character, where it begins and ends in the line image (shares of its width), and a confidence from 0 to 1."""

    text: str
    start: float
    end: float
    confidence: float


class Reader:
    """A model opened on a device, by Keras's name for it. Raises DataError: it cannot be opened.

    The language model beside it helps to read where it was shown to, as in `loghi-runner recognize`.

    `straightened` is for a model that learnt from line images that were made level.
    """

    def __init__(self, folder: Path, device: str, batch_size: int, *, straightened: bool = False) -> None:
        self._straightened = straightened
        self._device = device
        with keras.device(device):
            base = open_base_model(folder)
            if base.tokenizer is None:
                raise ValueError("the model has no characters to write")
            self._tokenizer = base.tokenizer
            # on a card Keras has fast loops of its own
            network = (
                rebuilt(base.network, precision="float32", for_processor=True) if device == "cpu" else base.network
            )
            self._recognizer = Recognizer(network, base.tokenizer, batch_size)
        facts = read_facts(folder)
        self._guide = open_guide(folder, base.tokenizer) if facts is not None and facts.helps else None
        self._height_px, self._channels = base.height_px, base.channels

    def read(self, images: Mapping[int, bytes]) -> dict[int, tuple[ReadCharacter, ...]]:
        """The characters of each line image (the bytes of a PNG file), trimmed as Loghi trims a text."""
        numbers = list(images)
        pixels = {str(number): self._decoded(images[number]) for number in numbers}
        lines = [
            Line(LineSample(name, "", 1.0, ""), "", resized_width(pixels[name], self._height_px)) for name in pixels
        ]
        found: dict[int, tuple[ReadCharacter, ...]] = {}
        with keras.device(self._device):
            for places, probabilities, frames in self._recognizer.batches(lines, _Images(pixels, self._height_px)):
                runs = self._runs(probabilities, frames)
                for place, found_runs, count in zip(places, runs, frames, strict=True):
                    width_px = lines[place].width_px
                    found[numbers[place]] = _characters(found_runs, int(count), self._tokenizer, width_px)
        return found

    def _runs(self, probabilities: Tensor, frames: NDArray[np.int32]) -> list[list[Run]]:
        """Each line's labels, and where they stand; what the language model writes is looked for in the image."""
        own = [line[:count] for line, count in zip(probabilities, frames, strict=True)]
        if self._guide is None:
            return [best_path_runs(line) for line in own]
        by_image = decode_labels(probabilities, frames)
        guided = self._recognizer.guided(probabilities, frames, self._guide, by_image)
        return [
            best_path_runs(line) if found.labels == alone.labels else aligned_runs(line, found.labels)
            for line, found, alone in zip(own, guided, by_image, strict=True)
        ]

    def _decoded(self, content: bytes) -> Pixels:
        pixels = decode(content, self._channels)
        return straighten(pixels, self._height_px) if self._straightened else pixels


@dataclass(frozen=True)
class _Images:
    """Line images in memory, by name."""

    pixels: Mapping[str, Pixels]
    height_px: int

    def resized(self, image: str) -> Tensor:
        return resize_to_height(self.pixels[image], self.height_px)


def _characters(runs: Sequence[Run], frames: int, tokenizer: Tokenizer, width_px: int) -> tuple[ReadCharacter, ...]:
    """What was read, in characters.

    Args:
        frames: those of the line alone.
        width_px: what the model sees of the line, margins included, before it is widened.
    """
    px_per_frame = max(width_px, MIN_WIDTH_PX) / max(frames, 1)
    image_px = width_px - 2 * MARGIN_PX

    def share(frame: int) -> float:
        return min(max((frame * px_per_frame - MARGIN_PX) / image_px, 0.0), 1.0)

    characters = [
        # one token may be several characters: [UNK]
        ReadCharacter(character, share(run.start), share(run.end), run.probability)
        for run in runs
        for character in tokenizer.tokens[run.label + 1]
    ]
    text = "".join(character.text for character in characters)
    start = len(text) - len(text.lstrip())
    return tuple(characters[start : start + len(text.strip())])
