"""What a run was made of, told by its record, its job and its trainer; and how that differs from something else."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from loghi_contract.cut import Cut
from loghi_contract.job import DeviceKind, JobSpec, Split
from loghi_contract.records import to_json
from loghi_runner.runs.folder import RunRecord, UsedCard
from loghi_runner.runs.progress import Progress
from loghi_runner.wording import split_word

#: What the keys of the splits begin with.
DATA_KEY = "data."
#: What the hash of texts for the language model alone is kept by, beside those of the splits.
MORE_TEXTS = "text.more"

_SHOWN_OF_HASH = 12


@dataclass(frozen=True)
class MadeOf:
    """All that a model's numbers come from. What is None is not known, and is compared with nothing.

    `versions` are named as users know them; `python` is the trainer's. `cores` are those that the trainer could use,
    `parts` into how many it divided a batch.
    """

    base_model_sha256: str | None = None
    #: by the split's name: of its lines, images and texts; and of `MORE_TEXTS`
    data_sha256: dict[str, str] = field(default_factory=dict)
    #: the config with nothing left open
    job: JobSpec | None = None
    engine: str | None = None
    image: str | None = None
    image_digest: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    device: str | None = None
    cards: tuple[UsedCard, ...] = ()
    driver: str | None = None
    processor: str | None = None
    cores: int | None = None
    parts: int | None = None
    #: how often it went on after an interruption, or after its end
    resumed: int | None = None


class Effect(str, Enum):
    """What a difference means for a run that is to go on, or to be made again."""

    #: with that it would be another run
    FORBIDS = "forbids"
    #: the numbers may come out otherwise
    CHANGES = "changes"
    NONE = "none"


_MEANS = {
    Effect.FORBIDS: "with that it would be another run",
    Effect.CHANGES: "this can change the result",
    Effect.NONE: "this does not change the result",
}


@dataclass(frozen=True)
class Difference:
    """One thing that was `then` and is `now`; `key` is for programs, `what` for people."""

    key: str
    what: str
    then: str
    now: str
    effect: Effect

    @property
    def sentence(self) -> str:
        return f"{self.what}: {short_hash(self.then)} then, {short_hash(self.now)} here; {_MEANS[self.effect]}"


def made_of(record: RunRecord, progress: Progress, job: JobSpec | None) -> MadeOf:
    """What the run was made of, as far as it has told by now."""
    started = progress.started
    # its python is the host's, which computes nothing
    versions = {name: version for name, version in record.versions.items() if name != "python"}
    if started is not None:
        backend, _, number = started.versions.backend.partition(" ")
        told = {
            "trainer": started.versions.trainer,
            "keras": started.versions.keras,
            backend: number,
            "cuda": started.versions.cuda,
            "python": started.versions.python,
        }
        versions |= {name: version for name, version in told.items() if name and version}
    machine = started.machine if started is not None else None
    return MadeOf(
        base_model_sha256=record.base_model_sha256,
        data_sha256=record.data_sha256,
        job=job,
        engine=record.engine,
        image=record.image,
        image_digest=record.image_digest,
        versions=versions,
        device=started.device.kind if started is not None else record.device,
        cards=record.cards,
        driver=record.driver,
        processor=machine.processor if machine else None,
        cores=machine.cores if machine else None,
        parts=machine.parts if machine else None,
        resumed=len(record.resumptions),
    )


def differences(then: MadeOf, now: MadeOf) -> list[Difference]:
    """Everything that is known of both and not the same; what is the same is not named. The gravest first."""
    before, after = _facts(then), _facts(now)
    found = [
        Difference(key, what, before[key][1], value, effect)
        for key, (what, value, effect) in after.items()
        if key in before and before[key][1] != value
    ]
    order = list(Effect)
    return sorted(found, key=lambda difference: order.index(difference.effect))


def _facts(made: MadeOf) -> dict[str, tuple[str, str, Effect]]:
    """Each known thing by its key: what it is called, what it is, and what it means when it is another."""
    return {key: (what, str(value), effect) for key, what, value, effect in _all_facts(made) if value is not None}


def _all_facts(made: MadeOf) -> Iterator[tuple[str, str, object, Effect]]:
    from_scratch = "none" if made.job is not None and made.job.vgsl is not None else None
    yield "base_model", "base model", made.base_model_sha256 or from_scratch, Effect.FORBIDS
    for split in Split:
        # a run that has lines at all has no others than these
        value = made.data_sha256.get(split.value, "none") if made.data_sha256 else None
        yield f"{DATA_KEY}{split.value}", split_word(split.value), value, Effect.FORBIDS
    yield MORE_TEXTS, split_word(MORE_TEXTS), _more_texts(made), Effect.FORBIDS
    yield from _job_facts(made.job)
    yield "contract", "contract", made.versions.get("contract"), Effect.FORBIDS
    yield "image", "image", made.image_digest, Effect.CHANGES
    for name in ("trainer", "keras", "tensorflow", "torch", "jax", "cuda", "python"):
        yield f"versions.{name}", f"version of {name}", made.versions.get(name), Effect.CHANGES
    # the trainer computes; its host only tells it what
    yield "versions.loghi-runner", "version of loghi-runner", made.versions.get("loghi-runner"), Effect.NONE
    yield "engine", "engine", made.engine, Effect.NONE
    yield "device", "device", made.device, Effect.CHANGES
    yield "cards", "graphics card", ", ".join(card.words for card in made.cards) or None, Effect.CHANGES
    yield "driver", "graphics driver", made.driver, Effect.CHANGES
    yield "processor", "processor", made.processor, Effect.CHANGES
    on_card = made.device == DeviceKind.GPU.value
    yield "cores", "processor cores", made.cores, Effect.NONE if on_card else Effect.CHANGES
    yield "parts", "parts of a batch", made.parts, Effect.CHANGES
    # elsewhere perhaps, or with more epochs than it began with
    yield "resumed", "times it was resumed", made.resumed, Effect.CHANGES


def _more_texts(made: MadeOf) -> str | None:
    """Runs of earlier versions have no hash of them: whether theirs are the same nobody knows."""
    is_unknown = not made.data_sha256 or (made.job is not None and made.job.more_texts is not None)
    return made.data_sha256.get(MORE_TEXTS, None if is_unknown else "none")


def _job_facts(job: JobSpec | None) -> Iterator[tuple[str, str, object, Effect]]:
    if job is None:
        return
    settings = {"base_model.vgsl": job.vgsl, "charset": job.charset, "normalization": job.normalization}
    settings |= {"training.folds": str(len(job.folds))} if job.folds else {}
    tried = job.trials.key if job.trials is not None else None
    settings |= {"data.cut": "auto" if tried == "data.cut" else (job.cut or Cut.LOGHI).value}
    settings |= {"data.straighten": "auto" if tried == "data.straighten" else str(job.straighten).lower()}
    training = {f"training.{key}": value for key, value in to_json(job.training).items()}
    if (last := job.self_training) is not None:
        training |= {"self_training.epochs": last.epochs, "self_training.learning_rate": last.learning_rate}
    for key, value in {**to_json(settings), **training}.items():
        written = ", ".join(value) or "none" if isinstance(value, list) else value
        yield key, key, "none" if written is None else written, Effect.CHANGES


def short_hash(value: str) -> str:
    """A hash by its beginning, as nobody compares 64 letters by eye; anything else as it is."""
    hexadecimal = value.rpartition(":")[2]
    is_hash = len(hexadecimal) == 64 and set(hexadecimal) <= set("0123456789abcdef")
    return f"sha256 {hexadecimal[:_SHOWN_OF_HASH]}" if is_hash else value
