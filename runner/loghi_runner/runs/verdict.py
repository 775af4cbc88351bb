"""Whether the new model is better than the base model, and on which lines: by what both read, line by line."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from loghi_contract.events import FinishStatus, Model
from loghi_contract.files import read_plain
from loghi_contract.places import lines_table
from loghi_runner.evaluation.judgement import Forgetting, Judgement, Outcome
from loghi_runner.evaluation.results import ReadLine, Results
from loghi_runner.line_pages import page_names
from loghi_runner.runs.progress import Progress
from loghi_runner.wording import percent, plural, told_apart

#: The two models of a run, and what they are called in its report.
MODELS = {Model.BASE: "base model", Model.BEST: "new model"}
KEEP_BASE = "keep the base model"
#: A run is still improving whose last third has taken away this part of the errors on the validation lines.
_STILL_GAINED = 0.03
#: The column of a split's table with what best_val reads by the image alone.
BEST_TEXT = f"{Model.BEST.value}_text"
_COLUMNS = ("image", "text", *(f"{model.value}_text" for model in MODELS))


@dataclass(frozen=True)
class SplitReadings:
    """The lines of a split, with a reading of each model of `MODELS`; `images` as the trainer named them."""

    lines: tuple[ReadLine, ...] = ()
    images: tuple[PurePosixPath, ...] = ()

    def only(self, images: Collection[PurePosixPath]) -> "SplitReadings":
        kept = [pair for pair in zip(self.lines, self.images, strict=True) if pair[1] in images]
        return SplitReadings(tuple(line for line, _image in kept), tuple(image for _line, image in kept))

    def results(self, what: str = "lines", models: Collection[Model] = tuple(MODELS)) -> Results | None:
        """The readings of these models, scored; None where there are no lines."""
        if not self.lines:
            return None
        places = [place for place, model in enumerate(MODELS) if model in models]
        lines = (replace(line, readings=tuple(line.readings[place] for place in places)) for line in self.lines)
        return Results(tuple(lines), tuple(name for model, name in MODELS.items() if model in models), what)


@dataclass(frozen=True)
class RunJudgement:
    """On the test lines, and on lines of the base model's own domain; None where the run has no readings of them."""

    test: Judgement | None = None
    forgetting: Forgetting | None = None


def read_split(out: Path, split: str) -> SplitReadings:
    """The lines of a split; none where the run has no such table, or one that cannot be read.

    Args:
        out: the run's out folder.
    """
    cells = read_cells(out, split, _COLUMNS)
    images = tuple(PurePosixPath(image) for image, *_texts in cells)
    pages = page_names(images)
    return SplitReadings(
        tuple(
            ReadLine(line_id, pages[image], reference, tuple(readings))
            for line_id, image, (_, reference, *readings) in zip(_line_ids(images), images, cells, strict=True)
        ),
        images,
    )


def read_cells(out: Path, split: str, columns: Sequence[str]) -> list[list[str]]:
    """These columns of a split's table, line after line; none where there is no such table, or it lacks one of them."""
    try:
        text = read_plain(out / lines_table(split)).decode()
        rows = [row.split("\t") for row in text.split("\n")]
    except (OSError, UnicodeDecodeError):
        return []
    if not set(columns) <= set(rows[0]):
        return []
    places = [rows[0].index(column) for column in columns]
    return [[row[place] for place in places] for row in rows[1:] if len(row) == len(rows[0])]


def judge_run(out: Path) -> RunJudgement:
    """Compare the two models line by line.

    Args:
        out: the run's out folder.
    """
    test = read_split(out, "test").results("test lines")
    old_hand = read_split(out, "base_domain").results()
    return RunJudgement(test.judge() if test else None, old_hand.judge_forgetting() if old_hand else None)


def verdict_of(progress: Progress, *, from_scratch: bool = False, judgement: RunJudgement | None = None) -> str | None:
    """The verdict of a finished run, None while there is none. Only scores of the same lines are compared.

    Two sentences at most: what the new model gained by the image alone, and what else is to be known of that.

    Args:
        judgement: of the two models line by line, where the run left their readings.
    """
    finished, judgement = progress.finished, judgement or RunJudgement()
    if finished is None:
        return None
    compared = _on_test_lines(progress, from_scratch, judgement) or _on_validation_lines(progress, from_scratch)
    gain, *more = compared or ("",)
    if finished.best_epoch == 0 and not from_scratch:
        if not any(epoch.epoch > 0 for epoch in progress.epochs):
            if progress.best_val_epoch is None and not progress.epochs:
                return "stopped before there was a model"
            return "stopped before the first epoch was over: best_val is still the base model"
        gain = f"no epoch was better than the base model: {KEEP_BASE}" + (f" ({gain})" if gain else "")
    more = [part for part in (*more, _with_lm(progress), _forgetting(progress, from_scratch, judgement)) if part]
    if not gain or not more:
        return gain or None
    second = "; ".join(more)
    return f"{gain}. {second[0].upper()}{second[1:]}"


def still_improving(progress: Progress) -> str | None:
    """In words, where the epochs were over before the training had nothing more to learn; None elsewhere."""
    finished, rows = progress.finished, progress.epochs
    if (
        finished is None
        or finished.status is not FinishStatus.COMPLETED
        or finished.best_val_cer is None
        or progress.folds
    ):
        return None
    last, best, cer = rows[-1].epoch, finished.best_epoch, finished.best_val_cer
    before = min((row for row in rows if row.epoch <= last * 2 / 3), key=lambda row: row.val_cer, default=None)
    # the learning rate falls to the end: an early best epoch means that there is no more to be had
    if before is None or best < 0.9 * last or cer > (1 - _STILL_GAINED) * before.val_cer:
        return None
    return (
        "after its last epoch it was still getting better on the validation lines: "
        f"{percent(before.val_cer)} after epoch {before.epoch}, {percent(cer)} after {best}"
    )


def _on_test_lines(progress: Progress, from_scratch: bool, judgement: RunJudgement) -> tuple[str, str] | None:
    """What was gained, and what follows; the same of validation lines below."""
    after = progress.score("test", Model.BEST)
    before = progress.score("test", Model.BASE)
    if after is None:
        return None
    if from_scratch or before is None:
        return f"CER on {after.lines} test lines: {percent(after.cer)}", ""
    sentence = f"CER on {after.lines} test lines: {percent(before.cer)} before, {percent(after.cer)} after"
    if progress.finished is None or progress.finished.best_epoch == 0:
        return sentence, ""
    if judgement.test is not None:
        is_better = after.cer < before.cer and judgement.test.outcome is not Outcome.WORSE
        return judgement.test.sentence, "" if is_better else KEEP_BASE
    if after.cer >= before.cer:
        return sentence, f"not better on lines that chose nothing: {KEEP_BASE}"
    return sentence, ""


def _on_validation_lines(progress: Progress, from_scratch: bool) -> tuple[str, str] | None:
    best = progress.best
    base = next((epoch for epoch in progress.epochs if epoch.epoch == 0), None)
    if best is None:
        return None
    summary = progress.data.get("val")
    lines = f"{summary.lines} validation lines" if summary else "the validation lines"
    sentence = f"CER on {lines}: "
    if base is not None and not from_scratch and best.epoch > 0:
        sentence += f"{percent(base.val_cer)} before, "
    sentence += f"{percent(best.val_cer)} after" if best.epoch > 0 else percent(best.val_cer)
    if progress.folds and best.epoch == 0:
        # the score is the base model's, which no fold has trained
        return sentence, ""
    if at_best := [fold.val_cer for fold in progress.folds if fold.epoch == best.epoch]:
        spread = f"{len(at_best)} folds: {percent(min(at_best))} to {percent(max(at_best))}"
        return sentence, f"each by a model that had not learnt it ({spread}), and the new model has learnt them all"
    if "test" in progress.data:
        return sentence, "these lines also chose the model: the run was stopped before it read the test lines"
    return sentence, "these lines also chose the model: give data.test for a score that chose nothing"


def _with_lm(progress: Progress) -> str:
    told, score = progress.language_model, progress.score("test", Model.BEST)
    if told is None or told.validation is None or not told.validation.helps or score is None or score.lm_cer is None:
        return ""
    return f"with the language model of its training texts {percent(score.lm_cer)}"


def _forgetting(progress: Progress, from_scratch: bool, judgement: RunJudgement) -> str:
    if judgement.forgetting is not None and not from_scratch:
        return judgement.forgetting.short
    before = progress.score("base_domain", Model.BASE)
    after = progress.score("base_domain", Model.BEST)
    if before is None or after is None:
        return ""
    was = "" if from_scratch else f"{percent(before.cer)} before, "
    return f"on {plural(after.lines, 'line')} of the old hand {was}{percent(after.cer)}" + (" after" if was else "")


def _line_ids(images: Sequence[PurePosixPath]) -> list[str]:
    """The images' names; with the folder's where images share one, and a number where a list repeats an image."""
    shared = Counter(image.stem for image in images)
    return told_apart(
        [image.stem if shared[image.stem] == 1 else str(image.parent / image.stem).lstrip("/") for image in images]
    )
