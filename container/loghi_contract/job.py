"""job.json: everything the trainer is told, fully resolved."""

import json
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import PurePosixPath

from loghi_contract import CONTRACT
from loghi_contract.cut import Cut
from loghi_contract.records import from_json, parse_json, to_json
from loghi_contract.text import Normalization


class Action(str, Enum):
    """What else the trainer can be asked for; a job without an action is a fine-tuning."""

    RECOGNIZE = "recognize"


class CharsetPolicy(str, Enum):
    """What happens to characters the base model cannot write."""

    EXTEND = "extend"
    FAIL = "fail"
    REPLACE = "replace"


class Augmentation(str, Enum):
    NONE = "none"
    LIGHT = "light"


class Precision(str, Enum):
    AUTO = "auto"
    FLOAT32 = "float32"


class Part(str, Enum):
    """A part of the network that can be frozen."""

    CONV = "conv"
    RECURRENT = "recurrent"
    DENSE = "dense"


class DeviceKind(str, Enum):
    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True)
class TrainingSpec:
    """How to train; `early_stopping` counts epochs without a better validation CER, 0 never stops early."""

    epochs: int
    batch_size: int
    learning_rate: float
    early_stopping: int
    seed: int
    augmentation: Augmentation
    precision: Precision
    freeze: tuple[Part, ...]


class Split(str, Enum):
    """What the lines of a list are for."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"
    BASE_DOMAIN = "base_domain"
    #: mixed in to the training lines, so that the base model's own hands are forgotten less
    OLD_HAND = "old_hand"
    #: lines that nobody transcribed; what stands in its list as texts is not looked at
    UNREAD = "unread"


#: Lines of the old hand that an epoch takes for each of its own, at most: they are to be remembered, not to be learnt.
_MOST_MIXED_IN = 0.5


def mixed_in(own: int, old_hand: int) -> int:
    """How many lines of the old hand an epoch takes beside its own."""
    return min(old_hand, max(1, round(_MOST_MIXED_IN * own)))


@dataclass(frozen=True)
class SelfTraining:
    """Unread lines, in a list beside that of the training lines (`list_beside`), are read by the trained model.

    Those that it is sure of are learnt in so many more epochs; `learning_rate` is the highest of these.
    """

    epochs: int
    learning_rate: float


@dataclass(frozen=True)
class ListsSpec:
    """Container paths of the line lists; lists hold container image paths."""

    train: str
    val: str
    test: str | None
    base_domain: str | None


@dataclass(frozen=True)
class Way:
    """One way to come by the line images of a run: `name` is its value of the key that is tried.

    `cut` is how the lines were cut out of their pages, None where Loghi would cut them so, or where they came as
    images; with `straighten` the trainer makes each image level.
    """

    name: str
    lists: ListsSpec
    cut: Cut | None = None
    straighten: bool = False


@dataclass(frozen=True)
class TrialsSpec:
    """Ways to be tried before a training: each trains for so many epochs, and reads the validation lines.

    The first is kept unless another reads them better by more than chance. `key` is that of the config.
    """

    key: str
    epochs: int
    ways: tuple[Way, ...]


@dataclass(frozen=True)
class JobSpec:
    """One run, as the trainer sees it.

    `vgsl` is a network specification or a library name for training from scratch; otherwise it is None and
    the base model lies in /in/base_model. With `resume` it goes on from the checkpoint in /out/last; its epochs may be
    others than those it began with. `more_texts` is the container path of texts that the language model learns beside
    those of the training lines, one a line. With `old_hand` lines of a list beside that of the training lines are mixed
    in: of them no epoch takes more than a share of its own lines, others each time. `cut` and `straighten` are as of a
    `Way`; with `trials` they and the lists are those of the way that is kept. `folds` are the images that each fold
    holds out: the validation lines are those learnt from then, each scored by a model that has not learnt its fold, and
    the last model learns them all.
    """

    contract: int
    run_id: str
    name: str
    vgsl: str | None
    lists: ListsSpec
    device: DeviceKind
    charset: CharsetPolicy
    normalization: Normalization
    training: TrainingSpec
    resume: bool = False
    #: how often the run was ended for its memory; each time its trainer takes half of what it took before
    memory_kills: int = 0
    more_texts: str | None = None
    old_hand: bool = False
    self_training: SelfTraining | None = None
    cut: Cut | None = None
    straighten: bool = False
    trials: TrialsSpec | None = None
    folds: tuple[tuple[str, ...], ...] = ()

    @property
    def epochs(self) -> int:
        """How many there are at most, with those that learn unread lines."""
        return self.training.epochs + (self.self_training.epochs if self.self_training is not None else 0)


@dataclass(frozen=True)
class RecognizeJob:
    """Lines to be read by the model in /in/base_model; the readings go to /out/results.txt.

    `list` is a container path like those of `ListsSpec`; what stands there as texts is not looked at.
    `beam_width` is the number of readings of a line that are followed at once; 1 takes the best class of each frame.
    With `language_model` the one beside the model helps to choose; what is read without it then goes to
    /out/results_by_image.txt. `straighten` says that the model learnt from lines that were made level.
    """

    contract: int
    run_id: str
    action: Action
    list: str
    device: DeviceKind
    batch_size: int
    beam_width: int
    language_model: bool = False
    straighten: bool = False


class ContractMismatch(ValueError):
    """The job was written for another version of the contract."""


def list_beside(lists: ListsSpec, split: Split) -> str:
    """The container path of the list of unread lines, or of the old hand; each way to cut lines has its own."""
    return str(PurePosixPath(lists.train).with_name(f"{split.value}.txt"))


def dump_job(job: JobSpec | RecognizeJob) -> str:
    # keys with a default came later, and are named only where asked for: an older trainer takes every other job
    defaults = {field.name: to_json(field.default) for field in fields(job)}
    value = {key: asked for key, asked in to_json(job).items() if defaults[key] != asked}
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def load_job(text: str) -> JobSpec | RecognizeJob:
    """Read job.json.

    Raises:
        ContractMismatch: written for another contract version.
        RecordError: not JSON, or a key unknown, missing or of the wrong kind.
    """
    value = parse_json(text)
    contract = value.get("contract") if isinstance(value, dict) else None
    if contract != CONTRACT:
        spoken = contract if isinstance(contract, int) else "unknown"
        raise ContractMismatch(f"the job speaks contract {spoken}, this trainer speaks contract {CONTRACT}")
    if "action" in value:
        return from_json(RecognizeJob, value)
    return from_json(JobSpec, value)
