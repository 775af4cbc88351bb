"""What a network is trained with and read by: the same for a run's network and for those of its folds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras

from loghi_contract.events import Payload
from loghi_contract.job import Augmentation, JobSpec
from loghi_trainer.augment import augment_light
from loghi_trainer.data import RunData
from loghi_trainer.dataset import ImageStore, TrainingFeed
from loghi_trainer.device import Shares
from loghi_trainer.lines import Line
from loghi_trainer.recognize import Recognizer
from loghi_trainer.training import Training

_AUGMENTATIONS = {Augmentation.NONE: None, Augmentation.LIGHT: augment_light}


@dataclass(frozen=True)
class Equipment:
    """`make_network` makes the base network anew, with an output layer for the run's charset."""

    job: JobSpec
    data: RunData
    store: ImageStore
    shares: Shares
    is_cancelled: Callable[[], bool]
    make_network: Callable[[], keras.Model]

    def of(
        self,
        network: keras.Model,
        lines: Sequence[Line],
        emit: Callable[[Payload], None],
        after_step: Callable[[], None] = lambda: None,
    ) -> tuple[Training, Recognizer]:
        """What trains the network on these lines, and what reads with it."""
        job, shares, tokenizer = self.job, self.shares, self.data.charset.tokenizer
        recognizer = Recognizer(
            network,
            tokenizer,
            job.training.batch_size,
            at_once=shares.at_once,
            places=shares.places,
            tell=emit,
        )
        feed = TrainingFeed(
            lines,
            [tokenizer.encode(line.text) for line in lines],
            self.store,
            batch_size=job.training.batch_size,
            seed=job.training.seed,
            augment=_AUGMENTATIONS[job.training.augmentation],
        )
        training = Training(
            network, feed, job.training, emit, self.is_cancelled, shares.places, after_step, job.memory_kills
        )
        return training, recognizer
