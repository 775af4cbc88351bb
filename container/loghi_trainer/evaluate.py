"""Scores of a model on a split, line by line, and the table a person can read them in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from loghi_contract.checkpoint import SavedReading
from loghi_contract.counts import ErrorCounts, pool
from loghi_contract.events import Evaluation, Model
from loghi_trainer.beam import Guide
from loghi_trainer.dataset import ImageStore
from loghi_trainer.lines import Split
from loghi_trainer.recognize import Recognizer
from loghi_trainer.scores import count_errors


@dataclass(frozen=True)
class Reading:
    """What one model read on a split: a text and its errors for every line, in the split's order.

    `loss` is the mean negative log likelihood of the lines' own texts, without lines that the model cannot write
    (an unknown character, or more text than frames); None when none is left or it was not asked for. `guided` is what
    it read with a language model, where there was one.
    """

    texts: tuple[str, ...]
    errors: tuple[ErrorCounts, ...]
    loss: float | None
    guided: "Reading | None" = None

    @property
    def total(self) -> ErrorCounts:
        return pool(self.errors)

    def saved(self) -> SavedReading:
        """As a checkpoint keeps it."""
        return SavedReading(self.texts, self.loss)


def read_again(split: Split, saved: SavedReading) -> Reading:
    """What a checkpoint kept of a reading of the split, whole again."""
    return _counted(split, saved.texts, saved.loss)


def evaluate(
    recognizer: Recognizer,
    split: Split,
    store: ImageStore,
    is_cancelled: Callable[[], bool],
    *,
    with_loss: bool = False,
    guide: Guide | None = None,
) -> Reading:
    """Recognise a split and count the errors against its ground truth. Raises Cancelled."""
    read = recognizer.read(split.lines, store, is_cancelled, with_loss=with_loss, guide=guide)
    losses = [found.loss for found in read if found.loss is not None]
    guided = _counted(split, [found.best.text for found in read]) if guide is not None else None
    return _counted(split, [found.text for found in read], fmean(losses) if losses else None, guided)


def _counted(split: Split, texts: Sequence[str], loss: float | None = None, guided: Reading | None = None) -> Reading:
    errors = tuple(count_errors(line.text, text) for line, text in zip(split.lines, texts, strict=True))
    return Reading(tuple(texts), errors, loss, guided)


def told(split: Split, model: Model, reading: Reading) -> Evaluation:
    """The score as an event."""
    total = reading.total
    with_lm = reading.guided.total.cer if reading.guided else None
    return Evaluation(split.name, model, total.lines, total.cer, total.wer, with_lm)


def write_lines_table(table: Path, split: Split, readings: Sequence[tuple[str, Reading]]) -> None:
    """A table `image text` and, for each model, `<model>_text <model>_edits`; one row a line.

    No absolute path of the host is in it: images are named as the trainer sees them.
    """
    header = ["image", "text", *(f"{name}_{column}" for name, _ in readings for column in ("text", "edits"))]
    rows = ["\t".join(header)]
    for index, line in enumerate(split.lines):
        cells = [line.sample.image, line.text]
        for _, reading in readings:
            cells += [reading.texts[index], str(reading.errors[index].edits)]
        rows.append("\t".join(cells))
    # no parents: an out folder that was removed meanwhile is not made again
    table.parent.mkdir(exist_ok=True)
    table.write_text("\n".join(rows) + "\n", encoding="utf-8", errors="backslashreplace")
