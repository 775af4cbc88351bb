"""`loghi-runner evaluate`: how well does a model read these lines."""

from dataclasses import dataclass

from loghi_runner.aliases import Row
from loghi_runner.compare.score_files import loghi_columns
from loghi_runner.compare.score_text import confusion_text, line_rows, score_rows, scored_rows
from loghi_runner.compare.scored import Scored
from loghi_runner.evaluation.comparison import ModelScores, ReadLine, as_scored, score_model
from loghi_runner.evaluation.counts import count


@dataclass(frozen=True)
class Evaluation:
    """One model's scores, and the lines in which it errs, the worst first."""

    scored: Scored
    scores: ModelScores
    wrong: tuple[ReadLine, ...]


def evaluate(scored: Scored) -> Evaluation:
    lines = [as_scored(line) for line in scored.lines]
    wrong = [line for line in lines if line.readings[0] != line.reference]
    worst = sorted(wrong, key=lambda line: -count(line.reference, line.readings[0]).cer)
    return Evaluation(scored, score_model(scored.names[0], lines), tuple(worst))


def evaluation_rows(evaluation: Evaluation) -> list[Row]:
    scored, scores = evaluation.scored, evaluation.scores
    loghi = ", ".join(f"{column} {value:.4f}" for column, value in loghi_columns(scored, 0).items())
    return [
        *scored_rows(scored),
        *score_rows((scores,), scored.pages),
        ("in Loghi", f"{loghi} (the columns of its validation.csv)"),
        ("it reads", confusion_text(scores.confusions)),
        *line_rows("worst lines", evaluation.wrong),
    ]
