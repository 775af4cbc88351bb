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

    `learnt` is the language model of the training lines' texts. `unread` are lines without a text, where there are any.
    """

    train: Split
    val: Split
    scored: tuple[Split, ...]
    charset: CharsetPlan
    learnt: LearntTexts
    unread: Split | None = None

    @property
    def splits(self) -> tuple[Split, ...]:
        unread = (self.unread,) if self.unread is not None else ()
        return (self.train, self.val, *self.scored, *unread)


def read_data(job: JobSpec, places: Places, store: ImageStore, base: BaseModel) -> RunData:
    """Read all line lists of the job; skipped lines are added to skipped_lines.tsv.

    Raises:
        DataError: no line is left to train on or to validate with, or the charset policy refuses the texts.
    """
    train = _measured("train", job.lists.train, job, places, store)
    charset = plan_charset(base.tokenizer, job.charset, (line.text for line in train.lines))
    train = train.skipping(unknown_characters(charset.tokenizer))
    train = train.skipping(too_long(lambda width_px: frames_of(base.network, width_px)))
    val = _measured("val", job.lists.val, job, places, store)
    lists = {"test": job.lists.test, "base_domain": job.lists.base_domain}
    scored = tuple(
        _measured(name, path, job, places, store) for name in SCORED_SPLITS if (path := lists[name]) is not None
    )
    more = read_more_texts(places.real(job.more_texts), job.normalization) if job.more_texts else []
    learnt = learn([line.text for line in train.lines], more)
    data = RunData(train, val, scored, charset, learnt, _unread(job, places, store))
    if not job.resume:  # they stand there already
        append_skipped(places.out / REPORT_DIR / "skipped_lines.tsv", data.splits)
    for split in (train, val):
        _require_lines(split)
    return data


def _unread(job: JobSpec, places: Places, store: ImageStore) -> Split | None:
    if job.self_training is None:
        return None
    unread = _measured(jobs.Split.UNREAD.value, jobs.unread_list(job.lists), job, places, store)
    return replace(unread, lines=tuple(replace(line, text="") for line in unread.lines))


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
