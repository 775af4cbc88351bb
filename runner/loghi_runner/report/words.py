"""Results as a person reads them: CER, WER and lines right in Loghi's three variants, with intervals, and what errs."""

import unicodedata
from collections.abc import Sequence

from loghi_runner.aliases import Row
from loghi_runner.evaluation.counts import Confusion, Variant
from loghi_runner.evaluation.intervals import Interval, scope
from loghi_runner.evaluation.results import Comparison, ModelScores, ReadLine, Results
from loghi_runner.wording import percent, plural

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
_CHARACTERS = {"": "nothing", " ": "blank"}
#: Marks that sit on a letter are shown on this one.
_CARRIER = "◌"


def verdict_sentence(results: Results) -> str:
    """Which model is better, or how well the only one reads."""
    if results.comparison:
        return results.comparison.judgement.sentence
    model = results.models[0]
    scores, intervals = model.counts[Variant.DIPLOMATIC], model.intervals[Variant.DIPLOMATIC]
    span = ""
    if intervals:
        between = f"{percent(intervals.cer.low)} to {percent(intervals.cer.high)}"
        span = f" ({between} with 95 % certainty for {scope(intervals.cer.unit, results.pages)})"
    return f"CER on {plural(scores.lines, 'line')}: {percent(scores.cer)}{span}"


def result_rows(results: Results) -> list[Row]:
    """One model: its scores, Loghi's columns and its worst lines. Two: the same side by side, and the verdict."""
    rows = _score_rows(results.models, results.pages)
    if results.comparison:
        return [*rows, *_comparison_rows(results, results.comparison)]
    loghi = ", ".join(f"{column} {value:.4f}" for column, value in results.loghi[0].items())
    return [
        *rows,
        ("in Loghi", f"{loghi} (the columns of its validation.csv)"),
        ("it reads", _confusion_text(results.models[0].confusions)),
        *_line_rows("worst lines", results.worst()),
    ]


def difference_rows(difference: Results, names: tuple[str, str]) -> list[Row]:
    """How two recognitions differ where nobody knows the truth."""
    model = difference.models[0]
    counts = model.counts[Variant.DIPLOMATIC]
    rows = [
        ("lines", f"{counts.lines}, {counts.lines - counts.wrong} of them equal"),
        ("difference", f"{percent(counts.cer)} of the characters"),
        (f"{names[0]} > {names[1]}", _confusion_text(model.confusions, "no difference")),
    ]
    for line in difference.worst(lambda counts: counts.edits)[:_SHOWN]:
        rows += [(line.id, line.reference), ("", line.readings[0])]
    return [*rows, ("", "Which is better only a transcription can tell: --truth DIR.")]


def character_label(character: str) -> str:
    """A character so that a reader can tell which it is, though it may be invisible, or look like another.

    With its code point where it is no plain letter or digit, and its name where it has no look.
    """
    if character in _CHARACTERS:
        return _CHARACTERS[character]
    category = unicodedata.category(character)
    point = f"U+{ord(character):04X}"
    if category[0] in "ZC":
        return f"{unicodedata.name(character, 'unnamed').lower()} ({point})"
    if category[0] == "M":
        return f"{_CARRIER}{character} ({point})"
    return character if category[0] in "LN" or character.isascii() else f"{character} ({point})"


def is_right_to_left(text: str) -> bool:
    """Whether the text's first letter is of a script that runs from right to left."""
    kinds = (unicodedata.bidirectional(character) for character in text)
    return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"


def _score_rows(models: Sequence[ModelScores], pages: int) -> list[Row]:
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


def _comparison_rows(results: Results, comparison: Comparison) -> list[Row]:
    """The gain, lines without error, confusions of each model, lines that both misread, and the verdict."""
    first, second = results.names
    right = (
        f"both {comparison.both_right}, only {first} {comparison.only_first_right}, "
        f"only {second} {comparison.only_second_right}, none {comparison.both_wrong_count}"
    )
    rows = [("CER gained", _gain(comparison.judgement.gain)), ("without error", right)]
    rows += [(f"{model.name} reads", _confusion_text(model.confusions)) for model in results.models]
    rows += _line_rows("both misread", comparison.both_wrong)
    rows += _line_rows("slip in the transcription?", comparison.suspected)
    return [*rows, ("verdict", comparison.judgement.sentence)]


def _gain(gain: Interval | None) -> str:
    """The paired interval: the same lines were drawn for both."""
    if gain is None:
        return "too few lines to tell"
    return f"{100 * gain.low:.1f} to {100 * gain.high:.1f} points, 95 %, the two compared line by line"


def _confusion_text(found: Sequence[Confusion], nothing: str = "everything right") -> str:
    told = [f"{character_label(each.read)} for {character_label(each.written)} ({each.count}x)" for each in found]
    return ", ".join(told[: 2 * _SHOWN]) or nothing


def _line_rows(label: str, lines: Sequence[ReadLine]) -> list[Row]:
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
    counts, intervals = model.counts[variant], model.intervals[variant]
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
