"""The training of a run: epoch 0, the epochs, the best of which is kept, and its scores."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import repeat

from loghi_contract import events
from loghi_contract.checkpoint import Checkpoint, SavedSelfTraining, TrainingState
from loghi_contract.job import DeviceKind, JobSpec, SelfTraining
from loghi_contract.language_model import WITH_LM
from loghi_contract.model_folder import MODEL_FILE
from loghi_contract.places import BEST_VAL, Places, lines_table
from loghi_contract.saved_epoch import SavedEpoch
from loghi_trainer import device
from loghi_trainer.checkpoint import LastFolder, Weights, not_written
from loghi_trainer.data import RunData
from loghi_trainer.dataset import TrainingFeed
from loghi_trainer.equip import Equipment
from loghi_trainer.evaluate import Reading, evaluate, read_again, told, write_lines_table
from loghi_trainer.folds import Folded, Folds
from loghi_trainer.learnt_texts import LearntTexts
from loghi_trainer.lines import Line, Split
from loghi_trainer.recognize import Cancelled
from loghi_trainer.reporter import Reporter
from loghi_trainer.resume import differences, lines_sha256, require_same_run
from loghi_trainer.save import ModelFolder
from loghi_trainer.self_training import chosen, lines_to_learn, read_unread
from loghi_trainer.training import Course, Position

#: In a long epoch a kill loses no more than this; writing takes about a second.
LAST_EVERY_S = 300.0


@dataclass(frozen=True)
class _Best:
    """The epoch that best_val is, and what it read on the validation lines: not known where another trainer left it."""

    epoch: int = 0
    cer: float | None = None
    reading: Reading | None = None


class TrainingRun:
    """The part of a run that has a network: epoch 0, the epochs, and the scores of the best one."""

    def __init__(
        self,
        job: JobSpec,
        places: Places,
        reporter: Reporter,
        equipment: Equipment,
        data: RunData,
        started: events.Started,
        checkpoint: Checkpoint | None,
    ) -> None:
        self._job = job
        self._places = places
        self._reporter = reporter
        self._is_cancelled = equipment.is_cancelled
        self._equipment = equipment
        self._data = data
        self._store = equipment.store
        self._network = network = equipment.make_network()
        self._cards = len(equipment.shares.places)
        self._folder = ModelFolder(places.out, network, equipment.tokenizer, job, data.learnt, reporter.require_turn)
        self._guide = data.learnt.guide(equipment.tokenizer)
        feed = equipment.feed(data.train.lines)
        self._training, self._recognizer = equipment.of(network, feed, reporter.emit, self._write_last_in_time)
        self._checkpoint = checkpoint
        self._started = started
        self._lines_sha256 = lines_sha256(job, data)
        self._last = LastFolder(places.out, network, reporter.require_turn)
        self._last_s = time.monotonic()
        self._is_without_last = False
        #: early stopping counts from here
        self._patient_from = 0
        self._best = _Best()
        #: where epochs of unread lines begin, and what was read of these; None before
        self._self_training: SavedSelfTraining | None = None
        self._epochs = job.training.epochs
        #: what the base model read on the validation lines, and on those that choose nothing
        self._base_reading: Reading
        self._before: list[Reading] = []
        self._rows: list[events.Epoch] = []
        #: what the folds have read; None of a run without folds
        self._folded: Folded | None = None

    def finish(self) -> events.Finished:
        try:
            if self._checkpoint is not None:
                self._go_on(self._checkpoint)
            else:
                self._begin()
            if self._job.folds:
                self._reporter.emit(events.Phase("folds"))
                folds = Folds(self._equipment, self._data, self._places.out, self._lines_sha256, self._reporter.emit)
                self._folded = folds.train(self._training.most_px)
            self._reporter.emit(events.Phase("training"))
            status = self._train_epochs()
            if self._job.self_training is not None and self._data.unread is not None:
                self._learn_unread(self._job.self_training, self._data.unread)
            self._reporter.emit(events.Phase("evaluating"))
            self._network.set_weights(self._folder.saved_weights())
            best = self._judge_language_model()
            self._report(best, self._score(events.Model.BEST))
            self._last.keep_newest()
        except Cancelled:
            status = events.FinishStatus.CANCELLED
        return events.Finished(
            status,
            self._best.epoch,
            self._best.cer,
            str(BEST_VAL),
            device.peak_memory_mb(),
            device.peak_gpu_memory_mb(self._cards) if self._job.device is DeviceKind.GPU else None,
        )

    def _begin(self) -> None:
        self._keep(SavedEpoch(0))
        self._try_widest_step()
        self._reporter.emit(events.Phase("evaluating"))
        self._score_validation(epoch=0)
        self._before = self._score(events.Model.BASE)
        self._write_last()

    def _go_on(self, checkpoint: Checkpoint) -> None:
        """Be where the trainer that wrote the checkpoint was.

        Raises:
            DataError: it is of another run, of other lines or of another network.
        """
        state = checkpoint.state
        self._training.most_px = state.most_px
        self._try_widest_step()
        require_same_run(state, self._job, self._lines_sha256)
        for difference in differences(state.started, self._started):
            self._reporter.emit(difference)
        best = self._last.restore(checkpoint)
        self._training.position = Position(state.epoch, state.step, state.loss_sum, state.lines_done, state.seconds)
        is_replanned = state.epochs != self._job.training.epochs
        # with more epochs planned, unread lines are read again after them, by a better model
        self._self_training = None if is_replanned else state.self_training
        self._patient_from = state.epoch if is_replanned else state.patient_from
        self._base_reading = read_again(self._data.val, state.base_reading)
        self._before = [read_again(*each) for each in zip(self._data.scored, state.scored_readings, strict=True)]
        self._rows = list(state.rows)
        scores = map(told, self._data.scored, repeat(events.Model.BASE), self._before)
        read = [state.self_training.told] if state.self_training else []
        for lost in self._reporter.without_told([*state.rows, *read, *scores]):
            self._reporter.emit(lost)
        # a later epoch was better, and no checkpoint of it could be written: it is not given up for an earlier one
        if (better := self._folder.find_better(state.best_cer)) is not None:
            self._best = _Best(better.epoch, better.val_cer)
            return
        best_reading = read_again(self._data.val, state.best_reading) if state.best_reading else None
        self._best = _Best(state.best_epoch, state.best_cer, best_reading)
        self._keep(SavedEpoch(state.best_epoch, state.best_cer), best)

    def _try_widest_step(self) -> None:
        # before anything else is large: what this takes of the machine's memory is measured
        unread = self._data.unread.lines if self._data.unread is not None else ()
        self._training.try_widest_step(self._job.device, self._feed_with(unread))

    def _feed_with(self, unread: Sequence[Line]) -> TrainingFeed:
        return self._equipment.feed([*self._data.train.lines, *unread])

    def _train_epochs(self) -> events.FinishStatus:
        spec = self._job.training
        # the folds have tried all epochs already
        last, patience = (self._folded.best_epoch, 0) if self._folded else (spec.epochs, spec.early_stopping)
        while self._self_training is None and (epoch := self._training.position.epoch + 1) <= last:
            waited = epoch - 1 - max(self._best.epoch, self._patient_from)
            if 0 < patience <= waited:
                return events.FinishStatus.EARLY_STOPPED
            self._train_epoch(epoch)
        ended_early = self._self_training is not None and self._self_training.told.after_epoch < spec.epochs
        return events.FinishStatus.EARLY_STOPPED if ended_early else events.FinishStatus.COMPLETED

    def _learn_unread(self, spec: SelfTraining, unread: Split) -> None:
        """Let best_val read the unread lines and learn those it is sure of; validation decides as in every epoch."""
        self._reporter.emit(events.Phase("self_training"))
        if self._self_training is None:
            self._network.set_weights(self._folder.saved_weights())
            val = evaluate(self._recognizer, self._data.val, self._store, self._is_cancelled, guide=self._guide)
            table = self._places.out / lines_table(unread.name)
            read = read_unread(self._recognizer, unread, self._store, self._guide, self._is_cancelled, table)
            self._self_training = chosen(read, self._training.position.epoch, spec.epochs, self._best.epoch, val)
            self._reporter.emit(self._self_training.told)
            # at once: a later best_val would read them otherwise
            self._write_last()
        facts = self._self_training.told
        self._epochs = facts.after_epoch + facts.epochs
        learnt = lines_to_learn(unread, self._self_training)
        self._training.go_over_to(self._feed_with(learnt), Course(facts.after_epoch, spec.epochs, spec.learning_rate))
        while (epoch := self._training.position.epoch + 1) <= self._epochs:
            self._train_epoch(epoch)

    def _train_epoch(self, epoch: int) -> None:
        try:
            steps = self._training.run_epoch(epoch)
            self._score_validation(epoch, self._training.position.seconds, steps.train_loss, steps.learning_rate)
        except Cancelled:
            self._write_last()
            raise
        self._training.position = Position(epoch)
        self._write_last()

    def _write_last_in_time(self) -> None:
        if time.monotonic() - self._last_s > LAST_EVERY_S:
            self._write_last()

    def _write_last(self) -> None:
        """Let the run be resumed from here. A disk that does not take it is told once, and ends nothing."""
        best = self._best
        if best.cer is None:
            return
        state = TrainingState(
            run_id=self._job.run_id,
            **asdict(self._training.position),
            epochs=self._job.training.epochs,
            patient_from=self._patient_from,
            best_epoch=best.epoch,
            best_cer=best.cer,
            base_reading=self._base_reading.saved(),
            best_reading=best.reading.saved() if best.reading else None,
            scored_readings=tuple(reading.saved() for reading in self._before),
            lines_sha256=self._lines_sha256,
            rows=tuple(self._rows),
            started=self._started,
            most_px=self._training.most_px,
            self_training=self._self_training,
        )
        try:
            self._reporter.settle()
            self._last.write(state, self._folder.saved_weights())
        except OSError as error:
            if not self._is_without_last:
                self._reporter.emit(not_written(error))
            self._is_without_last = True
        self._last_s = time.monotonic()

    def _score_validation(
        self, epoch: int, seconds: float = 0.0, train_loss: float | None = None, learning_rate: float | None = None
    ) -> None:
        """Score the network on the validation lines, and keep it when no earlier epoch was as good."""
        if self._folded is not None and epoch > 0:
            reading = self._folded.after(epoch)
        else:
            reading = evaluate(self._recognizer, self._data.val, self._store, self._is_cancelled, with_loss=True)
        total = reading.total
        is_better = self._best.cer is None or total.cer < self._best.cer
        # best_val is of this epoch already where the run goes on from before it
        is_best = is_better or (epoch, total.cer) == (self._best.epoch, self._best.cer)
        if is_better and epoch > 0:
            self._forget_scores()
            self._keep(SavedEpoch(epoch, total.cer))
        if is_best:
            self._best = _Best(epoch, total.cer, reading)
        if epoch == 0:
            self._base_reading = reading
        row = events.Epoch(
            epoch=epoch,
            epochs=self._epochs,
            train_loss=train_loss,
            val_cer=total.cer,
            val_wer=total.wer,
            lr=learning_rate,
            seconds=round(seconds, 2),
            is_best=is_best,
            val_loss=reading.loss,
        )
        self._rows.append(row)
        self._reporter.emit(row)

    def _keep(self, saved: SavedEpoch, weights: Weights | None = None) -> None:
        """Let best_val be the network as it is, or with these weights."""
        self._folder.save(self._network.get_weights() if weights is None else weights, saved)
        # at once: a disk may take its time to settle, and a run that ends meanwhile is told by its events
        self._reporter.emit(events.Checkpoint(BEST_VAL.name, saved.epoch, str(BEST_VAL / MODEL_FILE)))
        self._folder.settle()

    def _forget_scores(self) -> None:
        """What an earlier end of this run has left are the readings of a best_val that is about to be replaced."""
        for split in (self._data.val, *self._data.scored):
            (self._places.out / lines_table(split.name)).unlink(missing_ok=True)

    def _judge_language_model(self) -> Reading:
        """What best_val reads on the validation lines, also with the language model; written beside it.

        What was read of unread lines joins its texts where it reads better with them.
        """
        split, learnt, folded = self._data.val, self._data.learnt, self._folded
        if folded is None:
            read = evaluate(self._recognizer, split, self._store, self._is_cancelled, guide=self._guide)
        elif self._best.epoch > 0:
            # what the last model reads of lines that it has learnt says nothing
            read = folded.after(self._best.epoch)
        else:
            # the base model is of no fold, and the language model has learnt these lines
            return self._told_of(learnt, self._base_reading)
        guided = read.guided or read
        if self._self_training is not None and self._self_training.told.taken:
            with_read = learnt.with_read([text for text in self._self_training.texts if text])
            guide = with_read.guide(self._equipment.tokenizer)
            other = evaluate(self._recognizer, split, self._store, self._is_cancelled, guide=guide)
            if other.guided is not None and other.guided.total.edits < guided.total.edits:
                learnt, guided, self._guide = with_read, other.guided, guide
        texts, repeated = [line.text for line in split.lines], folded.repeated if folded is not None else None
        judged = learnt.judged(texts, read.errors, guided.errors, repeated)
        return self._told_of(judged, replace(self._best.reading or read, guided=guided))

    def _told_of(self, learnt: LearntTexts, read: Reading) -> Reading:
        self._folder.save_learnt(learnt)
        self._reporter.emit(events.LanguageModel(learnt.facts.order, learnt.facts.sources, learnt.facts.validation))
        return read

    def _score(self, model: events.Model) -> list[Reading]:
        readings = []
        for split in self._data.scored:
            # the hands that the base model knows write other texts
            of_hand = self._guide if split.name == "test" and model is events.Model.BEST else None
            reading = evaluate(self._recognizer, split, self._store, self._is_cancelled, guide=of_hand)
            self._reporter.emit(told(split, model, reading))
            readings.append(reading)
        return readings

    def _report(self, best: Reading, after: list[Reading]) -> None:
        splits = (self._data.val, *self._data.scored)
        for split, old, new in zip(splits, (self._base_reading, *self._before), (best, *after), strict=True):
            models = [(events.Model.BASE.value, old), (events.Model.BEST.value, new)]
            if new.guided is not None:
                models.append((WITH_LM, new.guided))
            write_lines_table(self._places.out / lines_table(split.name), split, models)
