"""A run's lines: read, measured, and made to fit the charset the new model will have."""

from dataclasses import dataclass, replace

from loghi_contract import job as jobs
from loghi_contract.job import JobSpec
from loghi_contract.places import REPORT_DIR, Places
from loghi_trainer.base_model import BaseModel
from loghi_trainer.charset import CharsetPlan, plan_charset
from loghi_trainer.dataset import ImageStore, measure_lines
from loghi_trainer.errors import DataError
from loghi_trainer.learnt_texts import LearntTexts, learn, read_more_texts
from loghi_trainer.lines import Split, append_skipped, read_samples, too_long, unknown_characters
from loghi_trainer.network import frames_of

#: The splits that choose nothing: they are only scored, before and after.
SCORED_SPLITS = ("test", "base_domain")


@dataclass(frozen=True)
class RunData:
    """`scored` holds the splits that take no part in training or in choosing best_val.

    `learnt` is the language model of the training lines' texts. `old_hand` is mixed in to training, where it was asked
    for: neither the language model nor the charset learns from it. `unread` are lines without a text, where there are
    any.
    """

    train: Split
    val: Split
    scored: tuple[Split, ...]
    charset: CharsetPlan
    learnt: LearntTexts
    old_hand: Split | None = None
    unread: Split | None = None

    @property
    def splits(self) -> tuple[Split, ...]:
        beside = tuple(split for split in (self.old_hand, self.unread) if split is not None)
        return (self.train, self.val, *self.scored, *beside)


@dataclass(frozen=True)
class TrainingLines:
    """What a training needs: lines to learn from, lines that choose the best epoch, and the charset of both."""

    train: Split
    val: Split
    charset: CharsetPlan

    def require_lines(self) -> None:
        """Raises DataError where there are none to train on, or to validate with."""
        for split in (self.train, self.val):
            _require_lines(split)


def read_training_lines(job: JobSpec, places: Places, store: ImageStore, base: BaseModel) -> TrainingLines:
    """Read the lists of the job that a training cannot do without; either may have no line left.

    Raises:
        DataError: the charset policy refuses the texts.
    """
    train = _measured("train", job.lists.train, job, places, store)
    charset = plan_charset(base.tokenizer, job.charset, (line.text for line in train.lines))
    train = _trainable(train, charset, base)
    val = _measured("val", job.lists.val, job, places, store)
    return TrainingLines(train, val, charset)


def read_data(job: JobSpec, places: Places, store: ImageStore, base: BaseModel) -> RunData:
    """Read all line lists of the job; skipped lines are added to skipped_lines.tsv.

    Raises:
        DataError: no line is left to train on or to validate with, or the charset policy refuses the texts.
    """
    found = read_training_lines(job, places, store, base)
    train = found.train
    lists = {"test": job.lists.test, "base_domain": job.lists.base_domain}
    scored = tuple(
        _measured(name, path, job, places, store) for name in SCORED_SPLITS if (path := lists[name]) is not None
    )
    more = read_more_texts(places.real(job.more_texts), job.normalization) if job.more_texts else []
    learnt = learn([line.text for line in train.lines], more)
    old_hand = None
    if job.old_hand:
        old_hand = _trainable(_beside(jobs.Split.OLD_HAND, job, places, store), found.charset, base)
    data = RunData(train, found.val, scored, found.charset, learnt, old_hand, _unread(job, places, store))
    if not job.resume:  # they stand there already
        append_skipped(places.out / REPORT_DIR / "skipped_lines.tsv", data.splits)
    found.require_lines()
    if old_hand is not None:
        _require_lines(old_hand)
    return data


def _trainable(split: Split, charset: CharsetPlan, base: BaseModel) -> Split:
    split = split.skipping(unknown_characters(charset.tokenizer))
    return split.skipping(too_long(lambda width_px: frames_of(base.network, width_px)))


def _unread(job: JobSpec, places: Places, store: ImageStore) -> Split | None:
    if job.self_training is None:
        return None
    unread = _beside(jobs.Split.UNREAD, job, places, store)
    return replace(unread, lines=tuple(replace(line, text="") for line in unread.lines))


def _beside(split: jobs.Split, job: JobSpec, places: Places, store: ImageStore) -> Split:
    return _measured(split.value, jobs.list_beside(job.lists, split), job, places, store)


def _measured(name: str, list_path: str, job: JobSpec, places: Places, store: ImageStore) -> Split:
    samples, skipped = read_samples(places.real(list_path), job.normalization)
    return measure_lines(name, samples, skipped, store)


def _require_lines(split: Split) -> None:
    if split.lines:
        return
    reasons = ", ".join(f"{count} {reason}" for reason, count in split.summary().skipped.items()) or "the list is empty"
    raise DataError(
        "data.no_lines",
        f"no line is left in the {split.name} list: {reasons}",
        where=split.name,
        hint="report/skipped_lines.tsv in the run folder names every skipped line and why.",
    )
