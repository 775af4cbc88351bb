"""The judgement of a run, from what its two models read on the lines that chose nothing."""

from dataclasses import dataclass
from pathlib import Path

from loghi_runner.runs.line_tables import count_lines, read_line_table
from loghi_runner.evaluation.forgetting import Forgetting, judge_forgetting
from loghi_runner.evaluation.judge import Judgement, judge


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
    test, old_hand = (read_line_table(out, split) for split in ("test", "base_domain"))
    tested, remembered = count_lines(test), count_lines(old_hand)
    return RunJudgement(
        judge(tested.before, tested.after, tested.pages, "test lines") if test else None,
        judge_forgetting(remembered.before, remembered.after, remembered.pages) if old_hand else None,
    )
