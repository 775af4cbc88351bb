"""Batches of lines of similar width, decoded once and prepared ahead by a few threads."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from loghi_contract.job import mixed_in
from loghi_contract.lines import LineSample, SkippedLine, SkipReason
from loghi_contract.places import Places
from loghi_contract.widths import WIDEST_PX
from loghi_trainer import images
from loghi_trainer.images import Pixels, Tensor
from loghi_trainer.lines import Line, Split, skip
from loghi_trainer.straighten import straighten

#: Decoded pixels kept in memory; what is beyond is decoded again each epoch.
CACHE_BYTES: Final = 1024**3

_WORKERS: Final = 4
_BATCHES_AHEAD: Final = 8
# how far the sorting by width is blurred, so that an epoch's batches differ from the last one's
_WIDTH_JITTER: Final = 0.1
# one absurdly wide line would make its whole batch as wide as itself: a batch holds no more than lines of this width
_USUAL_WIDEST_PX: Final = 4096

Job = TypeVar("Job")
Batch = TypeVar("Batch")

#: Fills short label rows; no class has this number.
LABEL_PADDING: Final = -1


@dataclass(frozen=True)
class TrainingBatch:
    """images (lines, width, height, channels); labels (lines, longest) filled with -1; weights (lines,)."""

    images: Tensor
    labels: NDArray[np.int32]
    weights: Tensor


class LineImages(Protocol):
    """Where the line images of a recognition come from; asked by several threads at once."""

    def resized(self, image: str) -> Tensor:
        """float32 (height_px, width, channels), 0..255, of the line image of this name."""
        ...


class ImageStore:
    """Decoded line images by container path; safe to use from several threads."""

    def __init__(
        self,
        places: Places,
        height_px: int,
        channels: int,
        cache_bytes: int = CACHE_BYTES,
        *,
        straightened: bool = False,
    ) -> None:
        self.height_px = height_px
        self._straightened = straightened
        self._places = places
        self._channels = channels
        self._free_bytes = cache_bytes
        self._cache: dict[str, Pixels] = {}

    def pixels(self, image: str) -> Pixels:
        """uint8 (height, width, channels). Raises UnreadableImage."""
        cached = self._cache.get(image)
        if cached is not None:
            return cached
        path: Path = self._places.real(PurePosixPath(image))
        pixels = images.decode_image(path, self._channels)
        if self._straightened:
            pixels = straighten(pixels, self.height_px)
        # a race of two threads costs a few bytes of the budget at most
        if pixels.nbytes <= self._free_bytes:
            self._free_bytes -= pixels.nbytes
            self._cache[image] = pixels
        return pixels

    def resized(self, image: str) -> Tensor:
        """float32 (height_px, width, channels), 0..255."""
        return images.resize_to_height(self.pixels(image), self.height_px)


def measure_lines(
    name: str, samples: Sequence[LineSample], skipped: Sequence[SkippedLine], store: ImageStore, workers: int = _WORKERS
) -> Split:
    """Decode every image once: what cannot be decoded or is no line is skipped with its reason."""

    def measure(sample: LineSample) -> Line | SkippedLine:
        try:
            pixels = store.pixels(sample.image)
        except images.UnreadableImage as error:
            return skip(sample, SkipReason.UNREADABLE_IMAGE, str(error))
        width_px = images.resized_width(pixels, store.height_px)
        if width_px > WIDEST_PX:
            height, width, _ = pixels.shape
            detail = f"{width} x {height} pixels would be {width_px} wide for the model, {WIDEST_PX} at most"
            return skip(sample, SkipReason.TOO_WIDE, detail)
        return Line(sample, sample.text, width_px)

    with ThreadPoolExecutor(workers) as pool:
        measured = list(pool.map(measure, samples))
    lines = tuple(item for item in measured if isinstance(item, Line))
    return Split(name, lines, (*skipped, *(item for item in measured if isinstance(item, SkippedLine))))


def plan_batches(widths_px: Sequence[int], batch_size: int, rng: np.random.Generator) -> list[list[int]]:
    """Indices of one epoch's batches: lines of similar width together, batches in random order.

    Every line comes once; only the last batch drawn may be smaller than `batch_size`, and those of very wide lines.
    """
    blurred = np.asarray(widths_px) * rng.uniform(1 - _WIDTH_JITTER, 1 + _WIDTH_JITTER, len(widths_px))
    order = np.argsort(blurred, kind="stable")
    # the odd batch takes its place at a random end of the width range rather than always the widest lines
    offset = int(rng.integers(batch_size))
    cuts = list(range(offset, len(order), batch_size))
    parts = [part.tolist() for part in np.split(order, cuts) if part.size]
    batches = [batch for part in parts for batch in _that_fit(part, widths_px, batch_size)]
    rng.shuffle(batches)
    return batches


def _that_fit(batch: list[int], widths_px: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """The batch in parts none of which, filled to its widest line, is larger than a batch of usual lines."""
    part: list[int] = []
    widest = 0
    for index in batch:
        widest = max(widest, widths_px[index])
        if part and widest * (len(part) + 1) > batch_size * _USUAL_WIDEST_PX:
            yield part
            part, widest = [], widths_px[index]
        part.append(index)
    if part:
        yield part


class TrainingFeed:
    """Batches for training; an epoch's order and augmentation depend on seed, epoch and line alone.

    The last `old_hand` of the lines are of another hand: an epoch takes some of them, others each time.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        labels: Sequence[list[int]],
        store: ImageStore,
        *,
        batch_size: int,
        seed: int,
        augment: Callable[[Tensor, np.random.Generator], Tensor] | None,
        old_hand: int = 0,
    ) -> None:
        self._lines = lines
        self._labels = labels
        self._store = store
        self._batch_size = batch_size
        self._seed = seed
        self._augment = augment
        self._own = len(lines) - old_hand
        self._fed_widths = [
            max(line.width_px, images.width_for_labels(row)) for line, row in zip(lines, labels, strict=True)
        ]

    def epoch_batches(self, epoch: int) -> list[list[int]]:
        rng = np.random.default_rng((self._seed, epoch))
        taken = [*range(self._own), *self._drawn(rng)]
        batches = plan_batches([self._fed_widths[line] for line in taken], self._batch_size, rng)
        return [[taken[place] for place in batch] for batch in batches]

    def _drawn(self, rng: np.random.Generator) -> list[int]:
        old_hand = len(self._lines) - self._own
        if not old_hand:
            return []
        return sorted((self._own + rng.permutation(old_hand)[: mixed_in(self._own, old_hand)]).tolist())

    def epoch(self, batches: list[list[int]], epoch: int) -> Iterator[TrainingBatch]:
        """The batches of one epoch, in order, prepared ahead of their use."""
        return prepared_ahead(lambda indices: self.batch(indices, epoch), batches)

    def widest_batch(self) -> list[int]:
        """Lines that an epoch may bring together, of whose batches this one has the most pixels."""
        order = sorted(range(len(self._lines)), key=self.width_px)
        batches = [
            next(_that_fit(order[max(0, end - self._batch_size) : end][::-1], self._fed_widths, self._batch_size))
            for end in range(1, len(order) + 1)
        ]
        return max(batches, key=lambda batch: len(batch) * self.width_px(batch[0]))

    def width_px(self, index: int) -> int:
        """How wide a line is fed, before augmentation."""
        return self._fed_widths[index]

    def image(self, index: int) -> str:
        return self._lines[index].sample.image

    def batch(self, indices: list[int], epoch: int) -> TrainingBatch:
        tensors = [self._tensor(index, epoch) for index in indices]
        rows = [self._labels[index] for index in indices]
        labels = np.full((len(rows), max(map(len, rows))), LABEL_PADDING, np.int32)
        for target, row in zip(labels, rows, strict=True):
            target[: len(row)] = row
        weights = np.asarray([self._lines[index].sample.weight for index in indices], np.float32)
        return TrainingBatch(images.stack(tensors), labels, weights)

    def _tensor(self, index: int, epoch: int) -> Tensor:
        resized = self._store.resized(self._lines[index].sample.image)
        if self._augment is not None:
            resized = self._augment(resized, np.random.default_rng((self._seed, epoch, index)))
        return images.widen(images.center(resized), images.width_for_labels(self._labels[index]))


def recognition_batches(
    lines: Sequence[Line], store: LineImages, batch_size: int
) -> Iterator[tuple[list[int], Tensor, NDArray[np.int32]]]:
    """Indices, images and widths in pixels; the width of a line never depends on its text."""
    order = sorted(range(len(lines)), key=lambda index: lines[index].width_px)
    widths = [line.width_px for line in lines]
    parts = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    batches = [batch for part in parts for batch in _that_fit(part, widths, batch_size)]

    def prepare(indices: list[int]) -> tuple[list[int], Tensor, NDArray[np.int32]]:
        tensors = [recognition_tensor(store.resized(lines[index].sample.image)) for index in indices]
        return indices, images.stack(tensors), np.asarray([tensor.shape[0] for tensor in tensors], np.int32)

    return prepared_ahead(prepare, batches)


def recognition_tensor(resized: Tensor) -> Tensor:
    """What the model sees of one line when nobody knows its text; (width, height, channels)."""
    return images.widen(images.center(resized), images.MIN_WIDTH_PX)


def prepared_ahead(
    prepare: Callable[[Job], Batch], jobs: Iterable[Job], workers: int = _WORKERS, ahead: int = _BATCHES_AHEAD
) -> Iterator[Batch]:
    """Run `prepare` on each job in order, a few jobs ahead of the consumer; leaving early cancels the rest."""
    with ThreadPoolExecutor(workers) as pool:
        waiting = iter(jobs)
        running = [pool.submit(prepare, job) for job in islice(waiting, ahead)]
        try:
            while running:
                batch = running.pop(0).result()
                running.extend(pool.submit(prepare, job) for job in islice(waiting, 1))
                yield batch
        finally:
            for future in running:
                future.cancel()
