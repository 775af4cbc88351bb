"""The epochs of a training: one compiled step, fed by width-bucketed batches."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras

from loghi_contract.events import Payload, Step
from loghi_contract.job import DeviceKind, Part, TrainingSpec
from loghi_trainer.dataset import TrainingFeed
from loghi_trainer.errors import TrainingFailed
from loghi_trainer.fitting import FittedStep
from loghi_trainer.network import RECURRENT_LAYERS
from loghi_trainer.recognize import Cancelled
from loghi_trainer.schedule import learning_rate_at
from loghi_trainer.step import make_step

# Loghi's own optimizer settings.  Source: Loghi HTR 2.x, AdamW defaults.
_WEIGHT_DECAY = 0.004

_PART_LAYERS: dict[Part, tuple[type[keras.layers.Layer], ...]] = {
    Part.CONV: (keras.layers.Conv2D, keras.layers.BatchNormalization),
    Part.RECURRENT: RECURRENT_LAYERS,
    Part.DENSE: (keras.layers.Dense,),
}


@dataclass(frozen=True)
class Position:
    """Where a training stands: so many epochs are done, and of the next so many steps, with what these came to."""

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    lines_done: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Course:
    """So many epochs after `after_epoch`, along which the learning rate rises to `learning_rate` and falls once."""

    after_epoch: int
    epochs: int
    learning_rate: float


@dataclass(frozen=True)
class EpochSteps:
    """What an epoch of steps came to; `learning_rate` is that of its last step."""

    train_loss: float
    learning_rate: float


class Training:
    """Trains one network in place, epoch by epoch."""

    def __init__(
        self,
        network: keras.Model,
        feed: TrainingFeed,
        spec: TrainingSpec,
        emit: Callable[[Payload], None],
        is_cancelled: Callable[[], bool],
        places: Sequence[str | None] = (None,),
        after_step: Callable[[], None] = lambda: None,
        memory_kills: int = 0,
    ) -> None:
        """Divide each batch into parts, one for each of the `places`, computed side by side; see also `FittedStep`."""
        #: after the last whole step; whoever goes on from a checkpoint sets it, and who has scored an epoch
        self.position = Position()
        self._feed = feed
        self._course = Course(0, spec.epochs, spec.learning_rate)
        self._emit = emit
        self._is_cancelled = is_cancelled
        self._after_step = after_step
        freeze(network, spec.freeze)
        self._optimizer = keras.optimizers.AdamW(learning_rate=spec.learning_rate, weight_decay=_WEIGHT_DECAY)
        self._take_step = FittedStep(make_step(network, self._optimizer, places), feed, emit, memory_kills)
        self._places = places

    @property
    def most_px(self) -> int | None:
        """How much is computed at once, see `FittedStep`; whoever goes on from a checkpoint divides as before."""
        return self._take_step.most_px

    @most_px.setter
    def most_px(self, most_px: int | None) -> None:
        self._take_step.most_px = most_px

    def try_widest_step(self, kind: DeviceKind, feed: TrainingFeed) -> None:
        """Before anything is trained: see what of all that may come fits in memory.

        Raises:
            TrainingFailed: nothing does.
        """
        own, self._take_step.feed = self._feed, feed
        self._take_step.try_widest(len(self._places), on_processor=kind is DeviceKind.CPU)
        self._take_step.feed = own

    def go_over_to(self, feed: TrainingFeed, course: Course) -> None:
        """From the next epoch on learn from other lines, along another course; the optimizer goes on as it is."""
        self._feed = self._take_step.feed = feed
        self._course = course

    def run_epoch(self, epoch: int) -> EpochSteps:
        """Train on every line once; of an epoch that `position` lies in, on those that are left.

        Raises:
            Cancelled: the run was asked to stop; the step under way was finished.
            TrainingFailed: the loss is no longer a number, or memory ran out.
        """
        batches = self._feed.epoch_batches(epoch)
        done = self.position
        loss_sum, lines_done = done.loss_sum, done.lines_done
        started = time.monotonic() - done.seconds
        left = batches[done.step :]
        taken = zip(left, self._feed.epoch(left, epoch), strict=True)
        for step, (indices, batch) in enumerate(taken, start=done.step + 1):
            self._optimizer.learning_rate = self._learning_rate(epoch, step, len(batches))
            loss = self._take_step(batch, indices)
            if not math.isfinite(loss):
                raise TrainingFailed(
                    "training.not_a_number",
                    f"the loss became {loss} in step {step} of epoch {epoch}",
                    hint="Lower training.learning_rate, for example to a third; best_val is kept.",
                )
            loss_sum += loss * len(batch.images)
            lines_done += len(batch.images)
            seconds = max(time.monotonic() - started, 1e-9)
            self.position = Position(epoch - 1, step, loss_sum, lines_done, seconds)
            self._emit(Step(epoch, step, len(batches), loss, round(lines_done / seconds, 2)))
            if self._is_cancelled():
                raise Cancelled
            self._after_step()
        last_rate = self._learning_rate(epoch, len(batches), len(batches))
        return EpochSteps(loss_sum / max(lines_done, 1), last_rate)

    def _learning_rate(self, epoch: int, step: int, steps: int) -> float:
        done = epoch - 1 - self._course.after_epoch + (step - 1) / steps
        return learning_rate_at(done / self._course.epochs, self._course.learning_rate)


def freeze(network: keras.Model, parts: tuple[Part, ...]) -> None:
    """Keep the layers of these parts as they are; `dense` includes the output layer, new letters and all."""
    for layer in network.layers:
        layer.trainable = not any(isinstance(layer, _PART_LAYERS[part]) for part in parts)
