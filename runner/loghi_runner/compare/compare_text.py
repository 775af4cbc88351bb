"""A comparison as a person reads it: which reads better, what does each get wrong, what do both?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.counts import pool
from loghi_contract.records import to_json
from loghi_runner.aliases import Row
from loghi_runner.compare.compare_pages import MatchedPages
from loghi_runner.compare.score_text import confusion_text, line_rows, score_rows, scored_rows
from loghi_runner.compare.scored import Scored
from loghi_runner.evaluation.alignment import confusions
from loghi_runner.evaluation.comparison import Comparison, ReadLine
from loghi_runner.evaluation.counts import LOGHI_COLUMNS, count
from loghi_runner.wording import percent, plural

#: Lines that are shown where nobody knows the truth.
_SHOWN = 5


def comparison_rows(comparison: Comparison) -> list[Row]:
    """Scores side by side, confusions of each, lines that both misread, and the verdict."""
    first, second = comparison.models
    rows = [*score_rows(comparison.models, comparison.pages), _gain(comparison)]
    rows.append(
        (
            "without error",
            f"both {comparison.both_right}, only {first.name} {comparison.only_first_right}, "
            f"only {second.name} {comparison.only_second_right}, none {comparison.both_wrong_count}",
        )
    )
    rows += [(f"{model.name} reads", confusion_text(model.confusions)) for model in comparison.models]
    rows += line_rows("both misread", comparison.both_wrong)
    rows += line_rows("slip in the transcription?", comparison.suspected)
    return [*rows, ("verdict", comparison.judgement.sentence)]


def model_comparison_rows(scored: Scored, comparison: Comparison) -> list[Row]:
    """The same of two models that read the lines themselves."""
    return [*scored_rows(scored), *comparison_rows(comparison)]


def difference_rows(lines: Sequence[ReadLine], names: tuple[str, str]) -> list[Row]:
    """How two recognitions differ where nobody knows the truth."""
    equal = sum(line.readings[0] == line.readings[1] for line in lines)
    difference = pool(count(line.readings[0], line.readings[1]) for line in lines)
    found = confusions(((line.id, line.readings[0], line.readings[1]) for line in lines), 12)
    differing = sorted((line for line in lines if line.readings[0] != line.readings[1]), key=lambda line: -_edits(line))
    rows = [
        ("lines", f"{len(lines)}, {equal} of them equal"),
        ("difference", f"{percent(difference.cer)} of the characters"),
        (f"{names[0]} > {names[1]}", confusion_text(found, "no difference")),
    ]
    for line in differing[:_SHOWN]:
        rows += [(line.id, line.readings[0]), ("", line.readings[1])]
    return [*rows, ("", "Which is better only a transcription can tell: --truth DIR.")]


def compare_json(matched: MatchedPages, comparison: Comparison | None) -> dict[str, Any]:
    """What `compare --json` says; with `loghi` are the columns of Loghi's own validation.csv."""
    return {
        "kind": "comparison",
        "lines": len(matched.lines),
        "pages": matched.pages,
        "unmatched_pages": list(matched.unmatched_pages),
        "unmatched_lines": matched.unmatched_lines,
        "paired_by_place": matched.by_place,
        "scaled_pages": matched.scaled,
        "failed": matched.failed,
        "equal": sum(line.readings[0] == line.readings[1] for line in matched.lines),
        "comparison": to_json(comparison),
        "loghi": [
            {column: model.counts[variant].cer for variant, column in LOGHI_COLUMNS.items()}
            for model in comparison.models
        ]
        if comparison
        else None,
    }


def remarks(matched: MatchedPages, truth: Path | None) -> list[str]:
    """What was left out of the comparison, one sentence each."""
    told = [f"{path} is left out: {why}" for path, why in matched.failed.items()]
    if matched.unmatched_pages:
        lonely = plural(len(matched.unmatched_pages), "page")
        told.append(f"{lonely} not in all folders, such as {matched.unmatched_pages[0]}")
    if matched.unmatched_lines:
        told.append(f"{plural(matched.unmatched_lines, 'line')} without a partner")
    if matched.by_place:
        told.append(
            f"{matched.by_place} of {plural(len(matched.lines), 'line')} are paired by where they lie: "
            "their ids differ or repeat, or the line of that id lies elsewhere"
        )
    if matched.scaled:
        told.append(f"the coordinates of {plural(matched.scaled, 'page')} are for images of another size; scaled")
    silent = sum(not line.reference for line in matched.lines)
    if truth is not None and silent:
        told.append(f"{plural(silent, 'line')} without a transcription left out")
    return told


def _gain(comparison: Comparison) -> Row:
    """The paired interval: the same lines were drawn for both."""
    gain = comparison.judgement.gain
    if gain is None:
        return "CER gained", "too few lines to tell"
    return "CER gained", f"{100 * gain.low:.1f} to {100 * gain.high:.1f} points, 95 %, the two compared line by line"


def _edits(line: ReadLine) -> int:
    return count(line.readings[0], line.readings[1]).edits
