"""A small set validates with all of its lines: each is read by a network that has learnt only lines of other folds."""

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract import events
from loghi_contract.checkpoint import SavedReading
from loghi_contract.language_model import share_known
from loghi_contract.places import LAST
from loghi_contract.records import RecordError, from_json, parse_json, to_json
from loghi_contract.storage import write_whole
from loghi_trainer.data import RunData
from loghi_trainer.device import make_reproducible
from loghi_trainer.equip import Equipment
from loghi_trainer.errors import DataError
from loghi_trainer.evaluate import Reading, evaluate, read_again
from loghi_trainer.learnt_texts import learn
from loghi_trainer.lines import Split
from loghi_trainer.training import Position


@dataclass(frozen=True)
class SavedFold:
    """What was read of a fold's lines after each epoch, by the image alone and with the language model of the others.

    `repeated` is the share of their n-grams that stand in the texts of the others. `lines_sha256` is as in
    `TrainingState`.
    """

    lines_sha256: str
    readings: tuple[SavedReading, ...]
    guided: tuple[SavedReading, ...]
    repeated: float


@dataclass(frozen=True)
class Folded:
    """The folds put together: what was read of all validation lines after each epoch; and the mean of `repeated`."""

    readings: tuple[Reading, ...]
    repeated: float

    def after(self, epoch: int) -> Reading:
        return self.readings[epoch - 1]

    @property
    def best_epoch(self) -> int:
        """The first with the fewest errors in all lines."""
        return min(range(1, len(self.readings) + 1), key=lambda epoch: self.after(epoch).total.cer)


class Folds:
    """Trains and reads the folds of a job one after the other; one that was whole before an interruption is kept."""

    def __init__(
        self,
        equipment: Equipment,
        data: RunData,
        out: Path,
        lines_sha256: str,
        emit: Callable[[events.Payload], None],
    ) -> None:
        self._equipment = equipment
        self._job, self._data = equipment.job, data
        self._folder = out / LAST
        self._lines_sha256 = lines_sha256
        self._emit = emit

    def train(self, most_px: int | None = None) -> Folded:
        """Train what is not trained yet.

        Args:
            most_px: how much is computed at once, as of `Training`.

        Raises:
            Cancelled: the run was asked to stop.
            DataError: a fold leaves nothing to learn, or a line lies in no fold.
        """
        splits = [self._held_out(images) for images in self._job.folds]
        if sum(len(split.lines) for split in splits) != len(self._data.val.lines):
            message, hint = "the folds are not of all validation lines", "Begin a new run with `loghi-runner finetune`."
            raise DataError("data.folds", message, where="val", hint=hint)
        saved = [
            self._read(number) or self._train(number, split, most_px) for number, split in enumerate(splits, start=1)
        ]
        place_of = {image: place for place, image in enumerate(line.sample.image for line in self._data.val.lines)}
        order = [place_of[line.sample.image] for split in splits for line in split.lines]
        readings = []
        for epoch in range(self._job.training.epochs):
            by_image = _together(self._data.val, order, [fold.readings[epoch] for fold in saved])
            guided = _together(self._data.val, order, [fold.guided[epoch] for fold in saved])
            readings.append(replace(by_image, guided=guided))
        return Folded(tuple(readings), sum(fold.repeated for fold in saved) / len(saved))

    def _held_out(self, images: Sequence[str]) -> Split:
        held = set(images)
        return replace(self._data.val, lines=tuple(line for line in self._data.val.lines if line.sample.image in held))

    def _train(self, number: int, held_out: Split, most_px: int | None) -> SavedFold:
        held = {line.sample.image for line in held_out.lines}
        lines = [line for line in self._data.train.lines if line.sample.image not in held]
        if not lines:
            message, hint = f"without fold {number} no line is left to train on", "Write `folds: off` under training."
            raise DataError("data.folds", message, where="train", hint=hint)
        # each fold begins as if it were the only one: an interruption between them changes nothing
        make_reproducible(self._job.training.seed)
        network, feed = self._equipment.make_network(), self._equipment.feed(lines)
        training, recognizer = self._equipment.of(network, feed, self._emit_but_steps)
        training.most_px = most_px
        learnt = learn([line.text for line in lines], ())
        guide = learnt.guide(self._equipment.tokenizer)
        readings: list[Reading] = []
        store, is_cancelled = self._equipment.store, self._equipment.is_cancelled
        for epoch in range(1, self._job.training.epochs + 1):
            steps = training.run_epoch(epoch)
            seconds = training.position.seconds
            reading = evaluate(recognizer, held_out, store, is_cancelled, with_loss=True, guide=guide)
            readings.append(reading)
            self._emit(
                events.Fold(
                    fold=number,
                    folds=len(self._job.folds),
                    epoch=epoch,
                    epochs=self._job.training.epochs,
                    train_loss=steps.train_loss,
                    val_cer=reading.total.cer,
                    val_wer=reading.total.wer,
                    seconds=round(seconds, 2),
                )
            )
            training.position = Position(epoch)
        repeated = share_known(learnt.ngrams, [line.text for line in held_out.lines], learnt.facts.order)
        guided = tuple(reading.guided.saved() for reading in readings if reading.guided is not None)
        fold = SavedFold(self._lines_sha256, tuple(reading.saved() for reading in readings), guided, repeated)
        self._write(number, fold)
        return fold

    def _emit_but_steps(self, payload: events.Payload) -> None:
        # steps are of the epochs that the table has
        if not isinstance(payload, events.Step):
            self._emit(payload)

    def _file(self, number: int) -> Path:
        return self._folder / f"fold_{number}.json"

    def _read(self, number: int) -> SavedFold | None:
        try:
            fold = from_json(SavedFold, parse_json(self._file(number).read_bytes()))
        except (OSError, RecordError):
            return None  # not trained yet, or not written to its end: it is trained again
        is_whole = len(fold.readings) == len(fold.guided) == self._job.training.epochs
        return fold if is_whole and fold.lines_sha256 == self._lines_sha256 else None

    def _write(self, number: int, fold: SavedFold) -> None:
        """For a run that goes on; a disk that does not take it ends nothing."""
        with contextlib.suppress(OSError):
            write_whole(self._file(number), json.dumps(to_json(fold)))


def _together(val: Split, order: Sequence[int], parts: Sequence[SavedReading]) -> Reading:
    """One reading of all lines: the lines of the folds in turn stand at these places of the split."""
    texts = dict(zip(order, (text for part in parts for text in part.texts), strict=True))
    losses = [part.loss for part in parts if part.loss is not None]
    mean = sum(losses) / len(losses) if losses else None
    return read_again(val, SavedReading(tuple(texts[place] for place in range(len(order))), mean))
