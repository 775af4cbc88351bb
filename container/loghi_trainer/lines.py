"""The lines of one split: read, normalised, checked, and every skip given a reason."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract.events import DataSummary
from loghi_contract.lines import LineSample, SkippedLine, SkipReason, parse_line_list, skipped_rows
from loghi_contract.text import Normalization, normalize
from loghi_contract.tokenizer import Tokenizer
from loghi_contract.widths import steps_for_labels


@dataclass(frozen=True)
class Line:
    """A line the model can be shown: its image, its size as the model sees it, and its normalised text.

    `width_px` counts the margins, before any widening.
    """

    sample: LineSample
    text: str
    width_px: int


@dataclass(frozen=True)
class Split:
    name: str
    lines: tuple[Line, ...]
    skipped: tuple[SkippedLine, ...]

    def summary(self) -> DataSummary:
        reasons = Counter(skip.reason.value for skip in self.skipped)
        return DataSummary(self.name, len(self.lines), sum(len(line.text) for line in self.lines), dict(reasons))

    def skipping(self, reason_for: Callable[[Line], tuple[SkipReason, str] | None]) -> "Split":
        """The same split without the lines that `reason_for` gives a reason to skip."""
        kept: list[Line] = []
        skipped = list(self.skipped)
        for line in self.lines:
            reason = reason_for(line)
            if reason is None:
                kept.append(line)
            else:
                skipped.append(skip(line.sample, *reason))
        return replace(self, lines=tuple(kept), skipped=tuple(skipped))


def read_samples(list_file: Path, normalization: Normalization) -> tuple[list[LineSample], list[SkippedLine]]:
    """Read a line list of the job; texts come back normalised."""
    samples: list[LineSample] = []
    skipped: list[SkippedLine] = []
    for item in parse_line_list(list_file.read_text(encoding="utf-8"), list_file.name):
        if isinstance(item, SkippedLine):
            skipped.append(item)
        else:
            samples.append(replace(item, text=normalize(item.text, normalization)))
    return samples, skipped


def skip(sample: LineSample, reason: SkipReason, detail: str = "") -> SkippedLine:
    return SkippedLine(sample.image, sample.text, sample.where, reason, detail)


def unknown_characters(tokenizer: Tokenizer) -> Callable[[Line], tuple[SkipReason, str] | None]:
    """A rule that skips lines with characters the model has no label for (they cannot be trained on)."""

    def rule(line: Line) -> tuple[SkipReason, str] | None:
        unknown = tokenizer.unknown(line.text)
        return (SkipReason.UNKNOWN_CHARACTERS, " ".join(unknown)) if unknown else None

    return rule


def too_long(frames_of: Callable[[int], int]) -> Callable[[Line], tuple[SkipReason, str] | None]:
    """A rule that skips lines whose text has no room: CTC needs a frame a label, and one between equal neighbours.

    Args:
        frames_of: time steps the model makes of a line of so many pixels.
    """

    def rule(line: Line) -> tuple[SkipReason, str] | None:
        needed, there = steps_for_labels(line.text), frames_of(line.width_px)
        if needed <= there:
            return None
        return SkipReason.TEXT_TOO_LONG, f"needs {needed} time steps, the image gives {there}"

    return rule


def append_skipped(table: Path, splits: Iterable[Split]) -> None:
    """Add rows to skipped_lines.tsv, which the host has begun."""
    table.parent.mkdir(exist_ok=True)
    with table.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(skipped_rows((split.name, skip) for split in splits for skip in split.skipped))
