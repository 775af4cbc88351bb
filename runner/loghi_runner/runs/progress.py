"""What is known of a run from its events so far: the epoch table, the best epoch, how long it will still take."""

from collections.abc import Iterable

from loghi_contract.events import (
    Charset,
    Checkpoint,
    DataSummary,
    Epoch,
    Evaluation,
    Event,
    Failed,
    Finished,
    FinishStatus,
    Model,
    Notice,
    Phase,
    Recognized,
    Started,
    Step,
)
from loghi_contract.places import BEST_VAL

_RECENT_EPOCHS = 3


class Progress:
    """Add events in their order; read the attributes at any time."""

    def __init__(self, epochs: int | None = None) -> None:
        self.planned_epochs = epochs
        self.started: Started | None = None
        self.phase: str | None = None
        self.data: dict[str, DataSummary] = {}
        self.charset: Charset | None = None
        self.notices: list[Notice] = []
        self.step: Step | None = None
        self.epochs: list[Epoch] = []
        self.best_val_epoch: int | None = None
        self.evaluations: list[Evaluation] = []
        self.finished: Finished | None = None
        self.recognized: Recognized | None = None
        self.failed: Failed | None = None
        self.began_t: float | None = None
        self.last_t: float | None = None
        self._first_step: tuple[float, Step] | None = None

    @classmethod
    def of(cls, events: Iterable[Event], epochs: int | None = None) -> "Progress":
        progress = cls(epochs)
        for event in events:
            progress.add(event)
        return progress

    def add(self, event: Event) -> None:
        self.began_t = event.t if self.began_t is None else self.began_t
        self.last_t = event.t
        match event.payload:
            case Started() as started:
                self.started = started
            case Phase(name=name):
                self.phase = name
            case DataSummary() as summary:
                self.data[summary.split] = summary
            case Charset() as charset:
                self.charset = charset
            case Notice() as notice:
                self.notices.append(notice)
            case Step() as step:
                if self._first_step is None or self._first_step[1].epoch != step.epoch:
                    self._first_step = (event.t, step)
                self.step = step
            case Epoch() as epoch:
                self.epochs.append(epoch)
                self.planned_epochs = epoch.epochs
                self.step = None
            case Checkpoint(name=BEST_VAL.name, epoch=number):
                self.best_val_epoch = number
            case Evaluation() as evaluation:
                self.evaluations.append(evaluation)
            case Recognized() as recognized:
                self.recognized = recognized
            case Finished() as finished:
                self.finished = finished
            case Failed() as failed:
                self.failed = failed
            case _:
                pass

    @property
    def best(self) -> Epoch | None:
        """The epoch of best_val, as the trainer marked it."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.is_best), None)

    @property
    def has_good_end(self) -> bool:
        """Whether the trainer said that it did what it was to do, or, while it learnt, as much as it was let."""
        return self.finished is not None or (
            self.recognized is not None and self.recognized.status is FinishStatus.COMPLETED
        )

    def score(self, split: str, model: Model) -> Evaluation | None:
        return next((e for e in reversed(self.evaluations) if e.split == split and e.model is model), None)

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the last planned epoch, None while nothing is known; early stopping may end it before."""
        if self.planned_epochs is None or self.phase not in (None, "training"):
            return None
        epoch_s = self._epoch_s()
        if epoch_s is None:
            return None
        done = float(max((epoch.epoch for epoch in self.epochs), default=0))
        if self.step is not None:
            done = max(done, self.step.epoch - 1 + self.step.step / max(self.step.steps, 1))
        return max(self.planned_epochs - done, 0.0) * epoch_s

    def _epoch_s(self) -> float | None:
        recent = [epoch.seconds for epoch in self.epochs if epoch.epoch > 0][-_RECENT_EPOCHS:]
        if recent:
            return sum(recent) / len(recent)
        if self._first_step is None or self.step is None or self.last_t is None:
            return None
        first_t, first = self._first_step
        steps = self.step.step - first.step
        # the first step of all compiles the network and says nothing about the others
        return (self.last_t - first_t) / steps * self.step.steps if steps > 0 else None
