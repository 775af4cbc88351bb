"""Scores as a person reads them: CER, WER and lines right, each in Loghi's three variants, with their intervals."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from loghi_contract.counts import ErrorCounts
from loghi_runner.aliases import Row
from loghi_runner.compare.scored import Scored
from loghi_runner.evaluation.alignment import Confusion
from loghi_runner.evaluation.comparison import ModelScores, ReadLine
from loghi_runner.evaluation.counts import Variant
from loghi_runner.evaluation.intervals import Interval, ScoreIntervals, scope
from loghi_runner.report.characters import character_label
from loghi_runner.report.write import HTML_FILE
from loghi_runner.wording import counted, percent, plural, short_path

_VARIANTS = {
    Variant.DIPLOMATIC: "every character",
    Variant.CASELESS: "upper = lower case",
    Variant.LETTERS: "letters a-z, digits",
}
_SCORES = ("CER", "WER", "lines right")
_WIDTH = 18
_NOTHING = "(nothing read)"
#: Lines of each kind that are shown.
_SHOWN = 5


def scored_rows(scored: Scored) -> list[Row]:
    """What was read by which model, and what was left out."""
    rows = [("model", f"{each.model.name} ({each.model.folder})") for each in scored.models]
    rows.append(
        ("data", f"{plural(len(scored.lines), 'line')} of {plural(scored.pages, 'page')}: {scored.truth.source}")
    )
    cuts = {each.model.name: each.cut.value for each in scored.models if each.cut is not None}
    if cuts:
        told = ", ".join(f"{name}: {cut}" for name, cut in cuts.items())
        rows.append(("lines cut as", told if len(set(cuts.values())) > 1 else next(iter(cuts.values()))))
    if scored.truth.skipped:
        reasons = Counter(line.reason.value for line in scored.truth.skipped)
        rows.append(("left out", f"{plural(len(scored.truth.skipped), 'line')}: {counted(reasons)}"))
    return rows


def score_rows(models: Sequence[ModelScores], pages: int) -> list[Row]:
    """One model: a row a variant. Two models side by side: a row a score and variant."""
    rows: list[Row] = []
    if len(models) == 1:
        rows.append(("", _side_by_side(_SCORES)))
        rows += [(label, _side_by_side(_cells(models[0], variant))) for variant, label in _VARIANTS.items()]
    else:
        rows.append(("", _side_by_side([model.name for model in models])))
        for place, score in enumerate(_SCORES):
            rows.append((score, ""))
            rows += [
                (f"  {label}", _side_by_side([_cells(model, variant)[place] for model in models]))
                for variant, label in _VARIANTS.items()
            ]
    interval = models[0].intervals[Variant.DIPLOMATIC]
    return [*rows, ("in brackets", f"95 %, for {scope(interval.cer.unit, pages)}")] if interval else rows


def report_rows(out: Path | None) -> list[Row]:
    """Where the files are, or how to have some."""
    if out is None:
        return [("next", "--output DIR writes a report with the images of these lines")]
    return [("report", short_path(out / HTML_FILE))]


def confusion_text(found: Sequence[Confusion], nothing: str = "everything right") -> str:
    told = [f"{character_label(each.read)} for {character_label(each.written)} ({each.count}x)" for each in found]
    return ", ".join(told[: 2 * _SHOWN]) or nothing


def line_rows(label: str, lines: Sequence[ReadLine]) -> list[Row]:
    """Some lines: which it is, what stands there, and indented what was read."""
    rows: list[Row] = []
    for line in lines[:_SHOWN]:
        rows += [
            (label, line.id),
            ("", line.reference),
            *(("", f"  {reading or _NOTHING}") for reading in line.readings),
        ]
        label = ""
    return rows


def _cells(model: ModelScores, variant: Variant) -> tuple[str, str, str]:
    counts: ErrorCounts = model.counts[variant]
    intervals: ScoreIntervals | None = model.intervals[variant]
    values = (counts.cer, counts.wer, counts.line_accuracy)
    spans = (intervals.cer, intervals.wer, intervals.line_accuracy) if intervals else (None, None, None)
    cells = [percent(value) + _span(interval) for value, interval in zip(values, spans, strict=True)]
    return cells[0], cells[1], cells[2]


def _span(interval: Interval | None) -> str:
    """Nothing where no draw differs, as with no line right at all: that is no certainty."""
    if interval is None or interval.low == interval.high:
        return ""
    return f" ({100 * interval.low:.1f}-{100 * interval.high:.1f})"


def _side_by_side(cells: Sequence[str]) -> str:
    return "  ".join(f"{cell:<{_WIDTH}}" for cell in cells).rstrip()
