"""One fine-tuning run from beginning to end: read, score the base model, train, keep the best, score again."""

import os
import time
from collections.abc import Callable

import keras

from loghi_contract import events
from loghi_contract.job import Augmentation, CharsetPolicy, DeviceKind, JobSpec
from loghi_contract.model_folder import MODEL_FILE
from loghi_contract.places import BASE_MODEL_DIR, BEST_VAL, REPORT_DIR, Places
from loghi_contract.saved_epoch import SavedEpoch
from loghi_trainer import device
from loghi_trainer.augment import augment_light
from loghi_trainer.base_model import BaseModel, open_base_model
from loghi_trainer.data import RunData, read_data
from loghi_trainer.dataset import ImageStore, TrainingFeed
from loghi_trainer.evaluate import Reading, evaluate, write_lines_table
from loghi_trainer.lines import Split
from loghi_trainer.new_model import build_base_model
from loghi_trainer.output_layer import fit_output_layer
from loghi_trainer.recognize import Cancelled, Recognizer
from loghi_trainer.reporter import Reporter
from loghi_trainer.save import ModelFolder
from loghi_trainer.training import Training

_AUGMENTATIONS = {Augmentation.NONE: None, Augmentation.LIGHT: augment_light}


def train(job: JobSpec, places: Places, reporter: Reporter, is_cancelled: Callable[[], bool]) -> events.Finished:
    """Run the job; events tell the progress, and the one returned is the last, for the caller to emit.

    Raises:
        TrainerError: what went wrong; the best model so far is kept.
    """
    used_device = device.claim_device(job.device)
    shares = device.share_out(used_device)
    device.make_reproducible(job.training.seed)
    reporter.emit(events.Started(device.versions(), used_device, os.getpid()))

    reporter.emit(events.Phase("loading_model"))
    base = build_base_model(job.vgsl) if job.vgsl is not None else open_base_model(places.real(BASE_MODEL_DIR))
    reporter.emit(events.Phase("reading_data"))
    store = ImageStore(places, base.height_px, base.channels)
    data = read_data(job, places, store, base)
    _announce(job, base, data, reporter)

    network = fit_output_layer(
        base,
        data.charset,
        job.charset,
        precision=device.policy_for(job.training.precision, used_device),
        # a card has its own fused LSTM, which Keras uses
        for_processor=job.device is DeviceKind.CPU,
    )
    return _Run(job, places, reporter, is_cancelled, network, data, store, shares).finish()


class _Run:
    """The part of a run that has a network: epoch 0, the epochs, and the scores of the best one."""

    def __init__(
        self,
        job: JobSpec,
        places: Places,
        reporter: Reporter,
        is_cancelled: Callable[[], bool],
        network: keras.Model,
        data: RunData,
        store: ImageStore,
        shares: device.Shares,
    ) -> None:
        self._job = job
        self._places = places
        self._reporter = reporter
        self._is_cancelled = is_cancelled
        self._data = data
        self._store = store
        tokenizer = data.charset.tokenizer
        self._network = network
        self._recognizer = Recognizer(
            network,
            tokenizer,
            job.training.batch_size,
            at_once=shares.at_once,
            places=shares.places,
            tell=reporter.emit,
        )
        self._places_of_parts = shares.places
        self._cards = len(shares.places)
        self._folder = ModelFolder(places.out, network, tokenizer, job)
        labels = [tokenizer.encode(line.text) for line in data.train.lines]
        self._feed = TrainingFeed(
            data.train.lines,
            labels,
            store,
            batch_size=job.training.batch_size,
            seed=job.training.seed,
            augment=_AUGMENTATIONS[job.training.augmentation],
        )
        self._best_epoch = 0
        self._best_cer: float | None = None
        #: what base model and best model read on the validation lines
        self._val_readings: list[Reading] = []

    def finish(self) -> events.Finished:
        try:
            self._keep(SavedEpoch(0))
            training = Training(
                self._network, self._feed, self._job.training, self._reporter, self._is_cancelled, self._places_of_parts
            )
            # before anything else is large: what this takes of the machine's memory is measured
            training.try_widest_step(self._job.device)
            self._reporter.emit(events.Phase("evaluating"))
            self._score_validation(epoch=0, seconds=0.0)
            before = self._score(events.Model.BASE)
            self._reporter.emit(events.Phase("training"))
            status = self._train_epochs(training)
            self._reporter.emit(events.Phase("evaluating"))
            self._network.set_weights(self._folder.saved_weights())
            self._report(before, self._score(events.Model.BEST))
        except Cancelled:
            status = events.FinishStatus.CANCELLED
        return events.Finished(
            status,
            self._best_epoch,
            self._best_cer,
            str(BEST_VAL),
            device.peak_memory_mb(),
            device.peak_gpu_memory_mb(self._cards) if self._job.device is DeviceKind.GPU else None,
        )

    def _train_epochs(self, training: Training) -> events.FinishStatus:
        spec = self._job.training
        for epoch in range(1, spec.epochs + 1):
            started = time.monotonic()
            steps = training.run_epoch(epoch)
            self._score_validation(epoch, time.monotonic() - started, steps.train_loss, steps.learning_rate)
            has_patience_left = spec.early_stopping == 0 or epoch - self._best_epoch < spec.early_stopping
            if not has_patience_left and epoch < spec.epochs:
                return events.FinishStatus.EARLY_STOPPED
        return events.FinishStatus.COMPLETED

    def _score_validation(
        self, epoch: int, seconds: float, train_loss: float | None = None, learning_rate: float | None = None
    ) -> None:
        """Score the network on the validation lines, and keep it when no earlier epoch was as good."""
        reading = evaluate(self._recognizer, self._data.val, self._store, self._is_cancelled, with_loss=True)
        total = reading.total
        is_best = self._best_cer is None or total.cer < self._best_cer
        if is_best:
            if epoch > 0:
                self._keep(SavedEpoch(epoch, total.cer))
            self._best_epoch, self._best_cer = epoch, total.cer
            self._val_readings = [*self._val_readings[:1], reading]
        self._reporter.emit(
            events.Epoch(
                epoch=epoch,
                epochs=self._job.training.epochs,
                train_loss=train_loss,
                val_cer=total.cer,
                val_wer=total.wer,
                lr=learning_rate,
                seconds=round(seconds, 2),
                is_best=is_best,
                val_loss=reading.loss,
            )
        )

    def _keep(self, saved: SavedEpoch) -> None:
        self._folder.save(self._network, saved)
        # at once: a disk may take its time to settle, and a run that ends meanwhile is told by its events
        self._reporter.emit(events.Checkpoint(BEST_VAL.name, saved.epoch, str(BEST_VAL / MODEL_FILE)))
        self._folder.settle()

    def _score(self, model: events.Model) -> list[Reading]:
        readings = []
        for split in self._data.scored:
            reading = evaluate(self._recognizer, split, self._store, self._is_cancelled)
            total = reading.total
            self._reporter.emit(events.Evaluation(split.name, model, total.lines, total.cer, total.wer))
            readings.append(reading)
        return readings

    def _report(self, before: list[Reading], after: list[Reading]) -> None:
        report = self._places.out / REPORT_DIR
        splits = (self._data.val, *self._data.scored)
        validated = self._val_readings
        for split, old, new in zip(splits, (validated[0], *before), (validated[-1], *after), strict=True):
            models = [(events.Model.BASE.value, old), (events.Model.BEST.value, new)]
            write_lines_table(report / f"{split.name}_lines.tsv", split, models)


def _announce(job: JobSpec, base: BaseModel, data: RunData, reporter: Reporter) -> None:
    if base.is_keras2:
        reporter.emit(
            events.Notice("model.keras2", "the base model was saved by Keras 2; it was rebuilt in memory for Keras 3")
        )
    for split in data.splits:
        reporter.emit(split.summary())
        _announce_unknown(split, data, reporter)
    charset = data.charset
    known = len(base.tokenizer.characters) if base.tokenizer is not None else 0
    policy = "new" if base.tokenizer is None else job.charset.value
    reporter.emit(events.Charset(policy, known, charset.added, charset.removed))
    if job.charset is CharsetPolicy.REPLACE and base.tokenizer is not None:
        reporter.emit(
            events.Notice(
                "charset.replaced",
                "the output layer starts afresh: what the base model knew of letters is lost",
                "`charset: extend` keeps it and adds the new letters.",
            )
        )


def _announce_unknown(split: Split, data: RunData, reporter: Reporter) -> None:
    tokenizer = data.charset.tokenizer
    unknown = sorted(set().union(*(tokenizer.unknown(line.text) for line in split.lines)))
    if unknown:
        reporter.emit(
            events.Notice(
                "charset.not_trained",
                f"the {split.name} lines have characters that no training line has: {' '.join(unknown)}",
                "The new model cannot write them; they count as errors.",
            )
        )
