"""Transcribed lines with what one or two models read in them."""

from dataclasses import dataclass
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_contract.text import Normalization
from loghi_runner.compare.truth_lines import Truth
from loghi_runner.evaluation.comparison import ReadLine
from loghi_runner.models.find import NamedModel
from loghi_runner.pages.write import Reading
from loghi_runner.recognition.line_reader import LineReader


@dataclass(frozen=True)
class ModelReadings:
    """What one model read, by image as the truth names it; `cut` is how lines of pages were cut for it."""

    model: NamedModel
    reader: LineReader
    readings: dict[Path, Reading]
    seconds: float
    cut: Cut | None = None


@dataclass(frozen=True)
class Scored:
    """Transcribed lines and what each model read in them, normalised alike; `truth` has the same lines, in order."""

    models: tuple[ModelReadings, ...]
    truth: Truth
    lines: tuple[ReadLine, ...]
    normalization: Normalization

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.model.name for each in self.models)

    @property
    def images(self) -> dict[str, Path]:
        return {line.id: line.image for line in self.truth.lines}

    @property
    def pages(self) -> int:
        return len({line.page for line in self.lines})
