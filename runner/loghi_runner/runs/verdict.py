"""One sentence that says whether the new model is better than the base model, and on which lines."""

from dataclasses import dataclass
from pathlib import Path

from loghi_contract.events import Model
from loghi_runner.evaluation.judgement import Forgetting, Judgement, Outcome
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.readings import read_split
from loghi_runner.wording import percent, plural

KEEP_BASE = "keep the base model"


@dataclass(frozen=True)
class RunJudgement:
    """On the test lines, and on lines of the base model's own domain; None where the run has no readings of them."""

    test: Judgement | None = None
    forgetting: Forgetting | None = None


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

    Args:
        judgement: of the two models line by line, where the run left their readings.
    """
    finished, judgement = progress.finished, judgement or RunJudgement()
    if finished is None:
        return None
    compared = _on_test_lines(progress, from_scratch, judgement) or _on_validation_lines(progress, from_scratch)
    if finished.best_epoch == 0 and not from_scratch:
        if not any(epoch.epoch > 0 for epoch in progress.epochs):
            return "stopped before the first epoch was over: best_val is still the base model"
        compared = f"no epoch was better than the base model: {KEEP_BASE}" + (f" ({compared})" if compared else "")
    return f"{compared}{_forgetting(progress, from_scratch, judgement)}" if compared else None


def _on_test_lines(progress: Progress, from_scratch: bool, judgement: RunJudgement) -> str | None:
    after = progress.score("test", Model.BEST)
    before = progress.score("test", Model.BASE)
    if after is None:
        return None
    if from_scratch or before is None:
        return f"CER on {after.lines} test lines: {percent(after.cer)}"
    sentence = f"CER on {after.lines} test lines: {percent(before.cer)} before, {percent(after.cer)} after"
    if progress.finished is None or progress.finished.best_epoch == 0:
        return sentence
    if judgement.test is not None:
        is_no_gain = judgement.test.outcome is Outcome.NOT_SHOWN and after.cer >= before.cer
        return judgement.test.sentence + (f": {KEEP_BASE}" if is_no_gain else "")
    if after.cer >= before.cer:
        sentence += f"; not better on lines that chose nothing: {KEEP_BASE}"
    return sentence


def _on_validation_lines(progress: Progress, from_scratch: bool) -> str | None:
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
    if "test" in progress.data:
        return f"{sentence}; these lines also chose the model: the run was stopped before it read the test lines"
    return f"{sentence}; these lines also chose the model: give data.test for a score that chose nothing"


def _forgetting(progress: Progress, from_scratch: bool, judgement: RunJudgement) -> str:
    if judgement.forgetting is not None and not from_scratch:
        return judgement.forgetting.short
    before = progress.score("base_domain", Model.BASE)
    after = progress.score("base_domain", Model.BEST)
    if before is None or after is None:
        return ""
    was = "" if from_scratch else f"{percent(before.cer)} before, "
    return f"; on {plural(after.lines, 'line')} of the old hand: {was}{percent(after.cer)}" + (" after" if was else "")
