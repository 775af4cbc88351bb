"""The events of a run: what each kind tells. Lines of out/events.jsonl are made of them by `event_lines`."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar  # JSON values have no narrower type

from loghi_contract.language_model import OnValidation, TextSource
from loghi_contract.trials import TriedWay


class FinishStatus(str, Enum):
    COMPLETED = "completed"
    EARLY_STOPPED = "early_stopped"
    CANCELLED = "cancelled"


class Model(str, Enum):
    """Which of a run's two models a score belongs to."""

    BASE = "base_model"
    BEST = "best_val"


@dataclass(frozen=True)
class Versions:
    trainer: str
    keras: str
    backend: str
    cuda: str | None
    #: None of a trainer that did not tell yet
    python: str | None = None


@dataclass(frozen=True)
class Device:
    """What the trainer computes on; `cards` is how many of that kind, and is 1 where a trainer does not tell."""

    kind: str
    name: str
    memory_mb: int | None
    cards: int = 1


@dataclass(frozen=True)
class Machine:
    """What sums of floating point numbers depend on: the type of processor, and among how many parts work is shared.

    `cores` are those the trainer may use; `parts` is into how many a batch is divided.
    """

    processor: str
    cores: int
    parts: int


@dataclass(frozen=True)
class Started:
    """`machine` is null of a reading, and of a trainer that did not tell yet."""

    kind: ClassVar[str] = "started"
    versions: Versions
    device: Device
    pid: int
    machine: Machine | None = None


@dataclass(frozen=True)
class Resumed:
    """The run goes on after an interruption, from `epoch` whole epochs and `step` steps of the next one.

    What was told of later epochs and steps, and of an end, holds no longer: it comes again.
    """

    kind: ClassVar[str] = "resumed"
    epoch: int
    step: int


@dataclass(frozen=True)
class Phase:
    kind: ClassVar[str] = "phase"
    name: str


@dataclass(frozen=True)
class DataSummary:
    kind: ClassVar[str] = "data_summary"
    split: str
    lines: int
    characters: int
    skipped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Charset:
    """`known` counts the base model's characters; `added` and `removed` name at most 400."""

    kind: ClassVar[str] = "charset"
    policy: str
    known: int
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class Notice:
    """Something the user should know that does not stop the run."""

    kind: ClassVar[str] = "warning"
    code: str
    message: str
    hint: str | None = None


@dataclass(frozen=True)
class Step:
    kind: ClassVar[str] = "step"
    epoch: int
    step: int
    steps: int
    loss: float | None
    lines_per_second: float


@dataclass(frozen=True)
class Epoch:
    """One row of the epoch table; epoch 0 is the base model before any step. cer and wer are fractions.

    Losses are the mean negative log likelihood of a line. `val_loss` is of each line alone and without lines that the
    model cannot write (an unknown character, or more text than frames).
    """

    kind: ClassVar[str] = "epoch"
    epoch: int
    epochs: int
    train_loss: float | None
    val_cer: float
    val_wer: float
    lr: float | None
    seconds: float
    is_best: bool
    val_loss: float | None = None


@dataclass(frozen=True)
class Trial:
    """A way to come by line images is tried: so many steps of an epoch are done.

    `val_cer`, a fraction, is there once the epoch is over and its validation lines are read.
    """

    kind: ClassVar[str] = "trial"
    way: str
    epoch: int
    epochs: int
    step: int
    steps: int
    val_cer: float | None = None


@dataclass(frozen=True)
class Chosen:
    """Which of the tried ways the run takes; `key` is that of the config, the first of `tried` its default."""

    kind: ClassVar[str] = "chosen"
    key: str
    way: str
    epochs: int
    tried: tuple[TriedWay, ...]


@dataclass(frozen=True)
class Fold:
    """After an epoch of a model that learns all lines but those of one fold: its scores on these.

    cer and wer are fractions. Once all folds are trained, the epoch table has their scores on all lines together.
    """

    kind: ClassVar[str] = "fold"
    fold: int
    folds: int
    epoch: int
    epochs: int
    train_loss: float | None
    val_cer: float
    val_wer: float
    seconds: float


@dataclass(frozen=True)
class Checkpoint:
    """Written, reopened and in place; `path` is relative to the out folder."""

    kind: ClassVar[str] = "checkpoint"
    name: str
    epoch: int
    path: str


@dataclass(frozen=True)
class Evaluation:
    """The scores of one model on one split that took no part in training; `lm_cer` is with the language model."""

    kind: ClassVar[str] = "evaluation"
    split: str
    model: Model
    lines: int
    cer: float
    wer: float
    lm_cer: float | None = None


@dataclass(frozen=True)
class LanguageModel:
    """The language model beside best_val: what it was learnt from, and what the validation lines say of it.

    `validation` is null where they are too few to tell. cer is a fraction, as is `repeated`, the share of their n-grams
    that the learnt texts have.
    """

    kind: ClassVar[str] = "language_model"
    order: int
    sources: tuple[TextSource, ...]
    validation: OnValidation | None


@dataclass(frozen=True)
class SelfTraining:
    """The model of epoch `best_epoch` has read the unread lines; those it is sure of are learnt after `after_epoch`.

    That takes so many `epochs`, 0 where it is sure of none. `lines` were read and `taken` are learnt, with so many
    `characters`; `confidence` is their mean, over characters. `val_cer` and `lm_val_cer` are of that model, by the
    image alone and with the language model; cer is a fraction.
    """

    kind: ClassVar[str] = "self_training"
    after_epoch: int
    epochs: int
    best_epoch: int
    lines: int
    taken: int
    characters: int
    confidence: float | None
    val_cer: float
    lm_val_cer: float


@dataclass(frozen=True)
class Finished:
    """`best_val_cer` is None when the run was stopped before anything was scored.

    `peak_memory_mb` is the most the trainer held; `peak_gpu_memory_mb` the same of one of its cards, None on a CPU.
    """

    kind: ClassVar[str] = "finished"
    status: FinishStatus
    best_epoch: int
    best_val_cer: float | None
    model: str
    peak_memory_mb: int | None = None
    peak_gpu_memory_mb: int | None = None


@dataclass(frozen=True)
class Recognized:
    """All lines were read: the last event of a recognition; `path` is relative to the out folder."""

    kind: ClassVar[str] = "recognized"
    status: FinishStatus
    lines: int
    seconds: float
    path: str


@dataclass(frozen=True)
class Failed:
    kind: ClassVar[str] = "failed"
    code: str
    exit_code: int
    message: str
    hint: str | None
    where: str | None
    traceback_file: str | None


Payload = (
    Started
    | Resumed
    | Phase
    | DataSummary
    | Charset
    | Notice
    | Step
    | Epoch
    | Trial
    | Chosen
    | Fold
    | Checkpoint
    | Evaluation
    | LanguageModel
    | SelfTraining
    | Finished
    | Recognized
    | Failed
)
KINDS: dict[str, type[Any]] = {
    payload.kind: payload
    for payload in (
        Started,
        Resumed,
        Phase,
        DataSummary,
        Charset,
        Notice,
        Step,
        Epoch,
        Trial,
        Chosen,
        Fold,
        Checkpoint,
        Evaluation,
        LanguageModel,
        SelfTraining,
        Finished,
        Recognized,
        Failed,
    )
}
TERMINAL_KINDS = (Finished.kind, Recognized.kind, Failed.kind)


@dataclass(frozen=True)
class Event:
    """A payload with its envelope: sequence number, seconds since the epoch (UTC) and the run's id."""

    seq: int
    t: float
    run: str
    payload: Payload

    @property
    def is_terminal(self) -> bool:
        return self.payload.kind in TERMINAL_KINDS
