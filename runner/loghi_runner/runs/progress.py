"""What a run's events tell, read from out/events.jsonl as it grows: the epoch table, the best epoch, the time left."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from loghi_contract import events
from loghi_contract.event_lines import MAX_LINE_BYTES, decode_event
from loghi_contract.events import Event
from loghi_contract.files import open_plain
from loghi_contract.places import BEST_VAL
from loghi_contract.records import RecordError

_BLOCK_BYTES = 1 << 20

#: What `encode_event` writes into each step, and, since quotes in texts are escaped, into nothing else.
_STEP = b'"kind":"step"'
_RECENT_EPOCHS = 3
_log = logging.getLogger(__name__)


class Progress:
    """Add events in their order; read the attributes at any time."""

    def __init__(self, epochs: int | None = None) -> None:
        self.planned_epochs = epochs
        self.started: events.Started | None = None
        self.phase: str | None = None
        self.data: dict[str, events.DataSummary] = {}
        self.charset: events.Charset | None = None
        self.notices: list[events.Notice] = []
        self.step: events.Step | None = None
        self.trial: events.Trial | None = None
        self.chosen: events.Chosen | None = None
        self.epochs: list[events.Epoch] = []
        #: epochs that learnt unread lines: beside those that were planned of the others
        self._last_epochs: set[int] = set()
        self.folds: list[events.Fold] = []
        self.best_val_epoch: int | None = None
        self.evaluations: list[events.Evaluation] = []
        self.language_model: events.LanguageModel | None = None
        self.self_training: events.SelfTraining | None = None
        self.finished: events.Finished | None = None
        self.recognized: events.Recognized | None = None
        self.failed: events.Failed | None = None
        self.began_t: float | None = None
        self.last_t: float | None = None
        self.last_seq = -1
        self._first_step: tuple[float, events.Step] | None = None

    @classmethod
    def of(cls, told: Iterable[Event], epochs: int | None = None) -> "Progress":
        progress = cls(epochs)
        for event in told:
            progress.add(event)
        return progress

    def add(self, event: Event) -> None:
        self.began_t = event.t if self.began_t is None else self.began_t
        self.last_t, self.last_seq = event.t, event.seq
        match event.payload:
            case events.Started() as started:
                self.started = started
            case events.Resumed() as resumed:
                self.forget_end()
                self.step = self._first_step = None
                self.epochs = [row for row in self.epochs if still_holds(row, resumed)]
                # one that was not trained to its end begins anew
                whole = {fold.fold for fold in self.folds if fold.epoch == fold.epochs}
                self.folds = [fold for fold in self.folds if fold.fold in whole]
                self.evaluations = [score for score in self.evaluations if still_holds(score, resumed)]
                if self.self_training is not None and not still_holds(self.self_training, resumed):
                    self.self_training = None
            case events.Phase(name=name):
                self.phase = name
            case events.DataSummary() as summary:
                self.data[summary.split] = summary
            case events.Charset() as charset:
                self.charset = charset
            case events.Notice() as notice:
                # a trainer that goes on tells anew what it sees in the data
                if notice not in self.notices:
                    self.notices.append(notice)
            case events.Step() as step:
                if self._first_step is None or self._first_step[1].epoch != step.epoch:
                    self._first_step = (event.t, step)
                self.step = step
            case events.Trial() as trial:
                self.trial = trial
            case events.Chosen() as chosen:
                self.chosen, self.trial = chosen, None
            case events.Epoch() as epoch:
                self.epochs.append(epoch)
                if self.phase == "self_training":
                    self._last_epochs.add(epoch.epoch)
                else:
                    self._last_epochs.discard(epoch.epoch)
                self.planned_epochs = epoch.epochs
                self.step = None
            case events.Fold() as fold:
                self.folds.append(fold)
            case events.Checkpoint(name=BEST_VAL.name, epoch=number):
                self.best_val_epoch = number
            case events.Evaluation() as evaluation:
                self.evaluations.append(evaluation)
            case events.LanguageModel() as language_model:
                self.language_model = language_model
            case events.SelfTraining() as self_training:
                self.self_training = self_training
                self.planned_epochs = self_training.after_epoch + self_training.epochs
            case events.Recognized() as recognized:
                self.recognized = recognized
            case events.Finished() as finished:
                self.finished = finished
            case events.Failed() as failed:
                self.failed = failed

    def forget_end(self) -> None:
        """The run goes on: what was told of its end holds no longer."""
        self.phase = self.language_model = self.finished = self.recognized = self.failed = None

    @property
    def plans(self) -> list[int]:
        """How many epochs of the transcribed lines were planned: one number, and another for each change."""
        return list(dict.fromkeys(row.epochs for row in self.epochs if row.epoch not in self._last_epochs))

    @property
    def best(self) -> events.Epoch | None:
        """The epoch of best_val, as the trainer marked it."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.is_best), None)

    @property
    def base(self) -> events.Epoch | None:
        """The base model's scores on the validation lines, before any step."""
        return next((epoch for epoch in self.epochs if epoch.epoch == 0), None)

    @property
    def has_good_end(self) -> bool:
        """Whether the trainer said that it did what it was to do, or, while it learnt, as much as it was let."""
        return self.finished is not None or (
            self.recognized is not None and self.recognized.status is events.FinishStatus.COMPLETED
        )

    def score(self, split: str, model: events.Model) -> events.Evaluation | None:
        return next((e for e in reversed(self.evaluations) if e.split == split and e.model is model), None)

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the last planned epoch, None while nothing is known; early stopping may end it before."""
        if self.phase == "folds" and self.folds:
            fold = self.folds[-1]
            # those of this one, of those to come, and the last training of all lines
            return fold.seconds * (fold.epochs * (fold.folds - fold.fold + 2) - fold.epoch)
        if self.planned_epochs is None or self.phase not in (None, "training", "self_training"):
            return None
        epoch_s = self._epoch_s()
        if epoch_s is None:
            return None
        done = float(max((epoch.epoch for epoch in self.epochs), default=0))
        if self.step is not None:
            done = max(done, self.step.epoch - 1 + self.step.step / max(self.step.steps, 1))
        return max(self.planned_epochs - done, 0.0) * epoch_s

    def _epoch_s(self) -> float | None:
        # an epoch with unread lines takes longer than those before
        before = self.self_training.after_epoch if self.self_training is not None else 0
        recent = [epoch.seconds for epoch in self.epochs if epoch.epoch > before][-_RECENT_EPOCHS:]
        if recent:
            return sum(recent) / len(recent)
        if self._first_step is None or self.step is None or self.last_t is None:
            return None
        first_t, first = self._first_step
        steps = self.step.step - first.step
        # the first step of all compiles the network and says nothing about the others
        took = self.last_t - first_t
        # a clock that was set back says nothing
        return took / steps * self.step.steps if steps > 0 and took > 0 else None


def still_holds(told: events.Payload, resumed: events.Resumed) -> bool:
    """Whether an event of before an interruption is still true, or comes again now that the run has gone on."""
    match told:
        case events.Epoch(epoch=epoch) | events.Checkpoint(epoch=epoch):
            return epoch <= resumed.epoch
        case events.SelfTraining(after_epoch=after_epoch):
            return after_epoch <= resumed.epoch
        case events.Step(epoch=epoch, step=step):
            return (epoch - 1, step) <= (resumed.epoch, resumed.step)
        case events.Evaluation(model=model):
            return model is events.Model.BASE
        case events.LanguageModel():
            return False
    return told.kind not in events.TERMINAL_KINDS


def told_once(events_file: Path, *, steps: bool) -> Iterator[tuple[bytes, Event]]:
    """All events with their lines, as of `EventReader`, but for those that came again after an interruption."""
    resumed = [
        (event.seq, event.payload) for event in read_events(events_file) if isinstance(event.payload, events.Resumed)
    ]
    for line, event in EventReader(events_file, steps=steps):
        if all(event.seq > seq or still_holds(event.payload, later) for seq, later in resumed):
            yield line, event


class EventReader:
    """Reads the events that were added since the last look, in a memory that does not grow with the file.

    The file may not exist yet, may end in half a line, and may hold kinds that this version does not know.
    """

    def __init__(self, events_file: Path, *, steps: bool = True) -> None:
        """Without `steps` the steps between the first and the last of those that follow each other are passed over."""
        self._path = events_file
        self.steps = steps
        self._offset = 0
        self._half_line = b""
        self._passed: bytes | None = None
        self._in_steps = False
        self.unreadable = 0

    def read(self) -> list[tuple[bytes, Event]]:
        """New events with their own lines, newline left out: some of them if there are many, none if there are none."""
        try:
            with open_plain(self._path) as file:
                file.seek(self._offset)
                while fresh := file.read(_BLOCK_BYTES):
                    self._offset += len(fresh)
                    if found := self._found(fresh):
                        return found
        except FileNotFoundError:
            return []
        except OSError as error:
            # a network disk that is away for a moment, or a run of somebody else: no reason to lose sight of it
            _log.warning("%s cannot be read: %s", self._path, error)
        return self._decoded(self._last_step())

    def __iter__(self) -> Iterator[tuple[bytes, Event]]:
        """All that is there now."""
        while found := self.read():
            yield from found

    def _found(self, fresh: bytes) -> list[tuple[bytes, Event]]:
        *lines, self._half_line = (self._half_line + fresh).split(b"\n")
        if len(self._half_line) > MAX_LINE_BYTES:
            self._half_line = b""
            self.unreadable += 1
        return self._decoded(lines if self.steps else self._without_steps(lines))

    def _without_steps(self, lines: list[bytes]) -> Iterator[bytes]:
        for line in lines:
            if _STEP not in line:
                self._in_steps = False
                yield from self._last_step()
                yield line
            elif self._in_steps:
                self._passed = line
            else:
                self._in_steps = True
                yield line

    def _last_step(self) -> list[bytes]:
        """The step that was passed over last, once what comes after it is known, or that nothing does."""
        last, self._passed = self._passed, None
        return [last] if last is not None else []

    def _decoded(self, lines: Iterable[bytes]) -> list[tuple[bytes, Event]]:
        return [(line, event) for line in lines if line and (event := self._decode(line)) is not None]

    def _decode(self, line: bytes) -> Event | None:
        try:
            return decode_event(line)
        except RecordError as error:
            # a torn line (disk full, power cut) is no reason to lose sight of the run
            _log.warning("line of %s left out: %s", self._path, error)
            self.unreadable += 1
            return None


def follow(
    reader: EventReader, has_ended: Callable[[], bool], pause: Callable[[], None]
) -> Iterator[tuple[bytes, Event]]:
    """Yield events until a terminal one is the last, or until the process has ended and everything it wrote was read.

    Args:
        has_ended: whether the trainer's process is gone; asked only when nothing new was there.
        pause: waits a little; called between two looks, may raise to end the following.
    """
    has_last_word = False
    while True:
        fresh = reader.read()
        if has_last_word and not fresh:
            return
        # asked before the last read, or what is written between the two is lost
        ended = not fresh and has_ended()
        for line, event in fresh or (reader if ended else ()):
            yield line, event
            has_last_word = event.is_terminal
        if ended:
            return
        if not fresh:
            pause()


def read_events(events_file: Path) -> Iterator[Event]:
    """Every whole event of a run so far, but of steps in a row the first and the last; none when there is no file.

    A long run has a million steps. What is known of a run (`Progress`) is the same without those in between.
    """
    return (event for _line, event in EventReader(events_file, steps=False))
