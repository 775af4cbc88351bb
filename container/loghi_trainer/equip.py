"""What a network is trained with and read by: the same for a run, for its folds, and for ways that it tries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import keras

from loghi_contract.events import Device, Payload
from loghi_contract.job import DeviceKind, JobSpec
from loghi_contract.tokenizer import Tokenizer
from loghi_trainer.augment import AUGMENTATIONS
from loghi_trainer.base_model import BaseModel
from loghi_trainer.charset import CharsetPlan
from loghi_trainer.dataset import ImageStore, TrainingFeed
from loghi_trainer.device import Shares, policy_for
from loghi_trainer.lines import Line
from loghi_trainer.output_layer import fit_output_layer
from loghi_trainer.recognize import Recognizer
from loghi_trainer.training import Training


@dataclass(frozen=True)
class Equipment:
    """`make_network` makes the base network anew, with an output layer for the charset; `old_hand` is mixed in."""

    job: JobSpec
    tokenizer: Tokenizer
    store: ImageStore
    shares: Shares
    is_cancelled: Callable[[], bool]
    make_network: Callable[[], keras.Model]
    old_hand: Sequence[Line] = ()

    @classmethod
    def on(
        cls,
        base: BaseModel,
        charset: CharsetPlan,
        job: JobSpec,
        store: ImageStore,
        shares: Shares,
        is_cancelled: Callable[[], bool],
        used: Device,
        old_hand: Sequence[Line] = (),
    ) -> "Equipment":
        """For networks that begin as the base model."""
        make_network = partial(
            fit_output_layer,
            base,
            charset,
            job.charset,
            precision=policy_for(job.training.precision, used),
            # a card has its own fused LSTM, which Keras uses
            for_processor=job.device is DeviceKind.CPU,
        )
        return cls(job, charset.tokenizer, store, shares, is_cancelled, make_network, old_hand)

    def feed(self, lines: Sequence[Line]) -> TrainingFeed:
        """These lines to learn from, and those of the old hand."""
        every, training = [*lines, *self.old_hand], self.job.training
        return TrainingFeed(
            every,
            # a line that is not read yet takes the room of its image
            [self.tokenizer.encode(line.text) or [self.tokenizer.blank - 1] for line in every],
            self.store,
            batch_size=training.batch_size,
            seed=training.seed,
            augment=AUGMENTATIONS[training.augmentation],
            old_hand=len(self.old_hand),
        )

    def of(
        self,
        network: keras.Model,
        feed: TrainingFeed,
        emit: Callable[[Payload], None],
        after_step: Callable[[], None] = lambda: None,
    ) -> tuple[Training, Recognizer]:
        """What trains the network, and what reads with it."""
        training, places = self.job.training, self.shares.places
        recognizer = Recognizer(
            network, self.tokenizer, training.batch_size, at_once=self.shares.at_once, places=places, tell=emit
        )
        kills = self.job.memory_kills
        return Training(network, feed, training, emit, self.is_cancelled, places, after_step, kills), recognizer
