"""Lines and their readings into what a report says of them, for one model or for two; no files."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from loghi_contract.counts import ErrorCounts, pool
from loghi_runner.evaluation.alignment import Piece, align, confusions
from loghi_runner.evaluation.comparison import Comparison, ModelScores, ReadLine, as_scored, compare, score_model
from loghi_runner.evaluation.counts import LOGHI_COLUMNS, Variant, count
from loghi_runner.evaluation.intervals import scope
from loghi_runner.line_pages import page_name
from loghi_runner.report.characters import is_right_to_left
from loghi_runner.wording import percent, plural

#: Lines shown because the last model errs most in them, and rows of confusions with lines as examples.
_WORST = 12
_CONFUSIONS = 15
_EXAMPLES = 2


@dataclass(frozen=True)
class PageScore:
    """One count for each model."""

    page: str
    counts: tuple[ErrorCounts, ...]


@dataclass(frozen=True)
class NewCharacter:
    """How often a character that the base model could not write stands in the lines, and the last model reads it."""

    character: str
    written: int
    right: int


@dataclass(frozen=True)
class ConfusionRow:
    """`read` for `written`, so many times by each model; "" is nothing. `examples` are line ids."""

    written: str
    read: str
    times: tuple[int, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True)
class ShownLine:
    """A line and each reading of it, cut into pieces against the transcription."""

    id: str
    page: str
    reference: str
    readings: tuple[tuple[Piece, ...], ...]

    @property
    def direction(self) -> str:
        text = self.reference or "".join(piece.reading for piece in self.readings[0])
        return "rtl" if is_right_to_left(text) else "ltr"


@dataclass(frozen=True)
class LineGroup:
    """Lines shown for one reason; those that an earlier group shows already are only named."""

    lines: tuple[ShownLine, ...]
    shown_before: tuple[ShownLine, ...] = ()


@dataclass(frozen=True)
class Findings:
    """What a report says of transcribed lines. With two models there is a comparison; `loghi` has Loghi's columns."""

    lines: int
    pages: int
    models: tuple[ModelScores, ...]
    comparison: Comparison | None
    page_scores: tuple[PageScore, ...]
    confusions: tuple[ConfusionRow, ...]
    new_characters: tuple[NewCharacter, ...]
    worst: LineGroup
    suspected: LineGroup
    both_wrong: LineGroup
    examples: LineGroup
    loghi: tuple[dict[str, float], ...]

    @property
    def verdict(self) -> str:
        """Which model is better, or how well the only one reads, in a sentence."""
        if self.comparison:
            return self.comparison.judgement.sentence
        scores, intervals = self.models[0].counts[Variant.DIPLOMATIC], self.models[0].intervals[Variant.DIPLOMATIC]
        span = ""
        if intervals:
            between = f"{percent(intervals.cer.low)} to {percent(intervals.cer.high)}"
            span = f" ({between} with 95 % certainty for {scope(intervals.cer.unit, self.pages)})"
        return f"CER on {plural(self.lines, 'line')}: {percent(scores.cer)}{span}"

    @property
    def shown(self) -> tuple[ShownLine, ...]:
        groups = (self.worst, self.suspected, self.both_wrong, self.examples)
        return tuple(line for group in groups for line in group.lines)


def find(lines: Sequence[ReadLine], names: Sequence[str], what: str, added: Collection[str] = ()) -> Findings:
    """Score and compare one reading of each line, or two.

    Args:
        lines: not empty, all transcribed; ids are unique.
        names: of the models, in the order of the lines' readings; the base model, or the older one, first.
        what: the lines in words, such as `test lines`.
        added: characters that the base model could not write.
    """
    lines = [as_scored(line) for line in lines]
    comparison = compare(lines, (names[0], names[1]), what) if len(names) == 2 else None
    models = comparison.models if comparison else (score_model(names[0], lines),)
    confused = _confusions(lines, len(names))
    by_id = {line.id: line for line in lines}
    wrong = sorted((line for line in lines if line.readings[-1] != line.reference), key=_last_cer, reverse=True)
    worst, suspected, both_wrong, examples = _groups(
        wrong[:_WORST],
        comparison.suspected if comparison else (),
        comparison.both_wrong if comparison else (),
        [by_id[example] for row in confused for example in row.examples],
    )
    return Findings(
        len(lines),
        len({line.page for line in lines}),
        models,
        comparison,
        tuple(_pages(lines, len(names))),
        tuple(confused),
        tuple(_new_characters(lines, added)),
        worst,
        suspected,
        both_wrong,
        examples,
        tuple({column: model.counts[variant].cer for variant, column in LOGHI_COLUMNS.items()} for model in models),
    )


def _pages(lines: Sequence[ReadLine], models: int) -> list[PageScore]:
    """The worst first."""
    by_page: dict[str, list[ReadLine]] = {}
    for line in lines:
        by_page.setdefault(line.page, []).append(line)
    scores = [
        PageScore(
            page_name(page),
            tuple(pool(count(line.reference, line.readings[model]) for line in found) for model in range(models)),
        )
        for page, found in sorted(by_page.items())
    ]
    return sorted(scores, key=lambda score: -score.counts[-1].cer)


def _confusions(lines: Sequence[ReadLine], models: int) -> list[ConfusionRow]:
    """The most frequent of all models together; examples are of the last model, where it has any."""
    found = [
        {
            (each.written, each.read): each
            for each in confusions((line.id, line.reference, line.readings[model]) for line in lines)
        }
        for model in range(models)
    ]
    pairs = Counter({pair: sum(each[pair].count for each in found if pair in each) for each in found for pair in each})
    rows = []
    for pair, _ in pairs.most_common(_CONFUSIONS):
        last = next(each[pair] for each in reversed(found) if pair in each)
        times = tuple(each[pair].count if pair in each else 0 for each in found)
        rows.append(ConfusionRow(*pair, times, last.examples[:_EXAMPLES]))
    return rows


def _new_characters(lines: Sequence[ReadLine], added: Collection[str]) -> Iterable[NewCharacter]:
    """The most frequent first."""
    written: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for line in lines:
        written.update(character for character in line.reference if character in added)
        for operation in Levenshtein.editops(line.reference, line.readings[-1]):
            if operation.tag != "insert" and line.reference[operation.src_pos] in added:
                missed[line.reference[operation.src_pos]] += 1
    for character in sorted(added, key=lambda character: (-written[character], character)):
        yield NewCharacter(character, written[character], written[character] - missed[character])


def _groups(*groups: Iterable[ReadLine]) -> list[LineGroup]:
    seen: set[str] = set()
    found = []
    for group in groups:
        unique = list({line.id: line for line in group}.values())
        found.append(
            LineGroup(
                tuple(_shown(line) for line in unique if line.id not in seen),
                tuple(_shown(line) for line in unique if line.id in seen),
            )
        )
        seen.update(line.id for line in unique)
    return found


def _last_cer(line: ReadLine) -> float:
    return count(line.reference, line.readings[-1]).cer


def _shown(line: ReadLine) -> ShownLine:
    readings = tuple(align(line.reference, reading) for reading in line.readings)
    return ShownLine(line.id, page_name(line.page), line.reference, readings)
