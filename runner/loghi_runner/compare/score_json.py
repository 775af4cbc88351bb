"""What `evaluate --json` says, and `compare --json` of two models."""

from collections import Counter
from typing import Any  # JSON values have no narrower type

from loghi_contract.records import to_json
from loghi_runner.compare.score_files import loghi_columns
from loghi_runner.compare.scored import Scored
from loghi_runner.evaluation.comparison import Comparison, ModelScores


def evaluation_json(scored: Scored, scores: ModelScores) -> dict[str, Any]:
    return {"kind": "evaluation", **_lines(scored), **_model(scored, scores, 0)}


def model_comparison_json(scored: Scored, comparison: Comparison) -> dict[str, Any]:
    return {
        "kind": "comparison",
        **_lines(scored),
        "models": [_model(scored, scores, number) for number, scores in enumerate(comparison.models)],
        "comparison": to_json(comparison),
        "loghi": [loghi_columns(scored, number) for number in range(len(scored.models))],
    }


def _lines(scored: Scored) -> dict[str, Any]:
    return {
        "data": scored.truth.source,
        "lines": len(scored.lines),
        "pages": scored.pages,
        "skipped": Counter(line.reason.value for line in scored.truth.skipped),
        "normalization": scored.normalization.value,
    }


def _model(scored: Scored, scores: ModelScores, number: int) -> dict[str, Any]:
    """Fractions, with 95 % intervals, by variant."""
    each = scored.models[number]
    return {
        "model": each.model.name,
        "folder": str(each.reader.folder),
        "cut": each.cut,
        "seconds": each.seconds,
        "scores": {
            variant.value: {
                "cer": counts.cer,
                "wer": counts.wer,
                "line_accuracy": counts.line_accuracy,
                "intervals": to_json(scores.intervals[variant]),
            }
            for variant, counts in scores.counts.items()
        },
        "loghi": loghi_columns(scored, number),
    }
