"""A comparison as a person reads it: which reads better, what does each get wrong, what do both?"""

from collections.abc import Sequence
from typing import Any  # JSON values have no narrower type

from loghi_contract.counts import pool
from loghi_contract.records import to_json
from loghi_runner.compare_pages import MatchedPages
from loghi_runner.plan_text import Row
from loghi_runner.scoring.alignment import Confusion, confusions
from loghi_runner.scoring.comparison import Comparison, ModelScores, ReadLine
from loghi_runner.scoring.counts import LOGHI_COLUMNS, Variant, count
from loghi_runner.wording import percent, plural

_SHOWN = 5
_NOTHING = "(nothing)"
_VARIANT_LABELS = {
    Variant.DIPLOMATIC: "CER",
    Variant.CASELESS: "CER, upper = lower case",
    Variant.LETTERS: "CER, letters only",
}


def comparison_rows(comparison: Comparison) -> list[Row]:
    """Scores side by side, confusions of each, and lines that both misread."""
    first, second = comparison.models
    rows = [("", _side_by_side(first.name, second.name))]
    for variant, label in _VARIANT_LABELS.items():
        rows.append((label, _side_by_side(percent(first.counts[variant].cer), percent(second.counts[variant].cer))))
    old, new = (model.counts[Variant.DIPLOMATIC] for model in comparison.models)
    rows.append(("WER", _side_by_side(percent(old.wer), percent(new.wer))))
    rows.append(("lines right", _side_by_side(percent(old.line_accuracy), percent(new.line_accuracy))))
    rows += [
        ("CER, 95 %", _side_by_side(_span(first), _span(second))),
        ("", ""),
        (
            "right",
            f"both {comparison.both_right}, only {first.name} {comparison.only_first_right}, "
            f"only {second.name} {comparison.only_second_right}, none {comparison.both_wrong_count}",
        ),
    ]
    for model in comparison.models:
        rows.append((f"{model.name} reads", _confused(model.confusions)))
    rows += _lines("both misread", comparison.both_wrong)
    rows += _lines("slip in the transcription?", comparison.suspected)
    return [*rows, ("verdict", comparison.judgement.sentence)]


def difference_rows(lines: Sequence[ReadLine], names: tuple[str, str]) -> list[Row]:
    """How two recognitions differ where nobody knows the truth."""
    equal = sum(line.readings[0] == line.readings[1] for line in lines)
    difference = pool(count(line.readings[0], line.readings[1]) for line in lines)
    found = confusions(((line.id, line.readings[0], line.readings[1]) for line in lines), 12)
    differing = sorted((line for line in lines if line.readings[0] != line.readings[1]), key=lambda line: -_edits(line))
    rows = [
        ("lines", f"{len(lines)}, {equal} of them equal"),
        ("difference", f"{percent(difference.cer)} of the characters"),
        (f"{names[0]} > {names[1]}", _confused(found)),
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


def remarks(matched: MatchedPages) -> list[str]:
    """What was left out of the comparison, one sentence each."""
    told = [f"{path} is left out: {why}" for path, why in matched.failed.items()]
    if matched.unmatched_pages:
        lonely = plural(len(matched.unmatched_pages), "page")
        told.append(f"{lonely} not in all folders, such as {matched.unmatched_pages[0]}")
    if matched.unmatched_lines:
        told.append(f"{plural(matched.unmatched_lines, 'line')} without a partner")
    return told


def _side_by_side(first: str, second: str) -> str:
    return f"{first:>15}  {second:>15}"


def _span(model: ModelScores) -> str:
    intervals = model.intervals[Variant.DIPLOMATIC]
    return f"{100 * intervals.cer.low:.1f} to {100 * intervals.cer.high:.1f} %" if intervals else "-"


def _confused(found: Sequence[Confusion]) -> str:
    told = [f"{_shown(each.read)} for {_shown(each.written)} ({each.count}x)" for each in found[: 2 * _SHOWN]]
    return ", ".join(told) or "everything right"


def _shown(character: str) -> str:
    return {"": _NOTHING, " ": "(blank)"}.get(character, character)


def _lines(label: str, lines: Sequence[ReadLine]) -> list[Row]:
    rows: list[Row] = []
    for line in lines[:_SHOWN]:
        rows += [(label, line.id), ("", line.reference), *(("", f"  {reading}") for reading in line.readings)]
        label = ""
    return rows


def _edits(line: ReadLine) -> int:
    return count(line.readings[0], line.readings[1]).edits
