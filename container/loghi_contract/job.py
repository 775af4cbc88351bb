"""job.json: everything the trainer is told, fully resolved."""

import json
from dataclasses import dataclass, fields
from enum import Enum

from loghi_contract import CONTRACT
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


@dataclass(frozen=True)
class ListsSpec:
    """Container paths of the line lists; lists hold container image paths."""

    train: str
    val: str
    test: str | None
    base_domain: str | None


@dataclass(frozen=True)
class JobSpec:
    """One run, as the trainer sees it.

    `vgsl` is a network specification or a library name for training from scratch; otherwise it is None and
    the base model lies in /in/base_model. With `resume` it goes on from the checkpoint in /out/last; its epochs may be
    others than those it began with. `more_texts` is the container path of texts that the language model learns beside
    those of the training lines, one a line. `folds` are the images that each fold holds out: the validation lines are
    those learnt from then, each scored by a model that has not learnt its fold, and the last model learns them all.
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
    folds: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class RecognizeJob:
    """Lines to be read by the model in /in/base_model; the readings go to /out/results.txt.

    `list` is a container path like those of `ListsSpec`; what stands there as texts is not looked at.
    `beam_width` is the number of readings of a line that are followed at once; 1 takes the best class of each frame.
    With `language_model` the one beside the model helps to choose; what is read without it then goes to
    /out/results_by_image.txt.
    """

    contract: int
    run_id: str
    action: Action
    list: str
    device: DeviceKind
    batch_size: int
    beam_width: int
    language_model: bool = False


class ContractMismatch(ValueError):
    """The job was written for another version of the contract."""


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
