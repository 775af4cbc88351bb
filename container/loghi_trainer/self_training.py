"""Self-training: of the lines that nobody transcribed, those that the trained model is sure of are learnt as it reads.

The language model helps it to read them, so the model learns from the usual what the image alone left open.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from loghi_contract.checkpoint import SavedSelfTraining
from loghi_contract.events import SelfTraining
from loghi_trainer.beam import Guide
from loghi_trainer.dataset import ImageStore
from loghi_trainer.evaluate import Reading
from loghi_trainer.lines import Line, Split
from loghi_trainer.recognize import ReadLine, Recognizer

#: A line is learnt where the image gives what was read, for each character, at least this probability. Of real lines
#: that models of 52 and 42 lines read with 13.4 and 13.1 % CER, these were 68 and 60 %, with 10.5 and 10.6 %.
LEAST_CONFIDENCE = 0.7
#: Shorter readings are as often noise as words, whatever their confidence.
FEWEST_CHARACTERS = 10


def read_unread(
    recognizer: Recognizer,
    unread: Split,
    store: ImageStore,
    guide: Guide,
    is_cancelled: Callable[[], bool],
    table: Path,
) -> list[ReadLine]:
    """What the model reads of each line with the language model; also written to a table, for people to look at.

    Raises:
        Cancelled: the run was asked to stop.
    """
    found = [read.best for read in recognizer.read(unread.lines, store, is_cancelled, guide=guide)]
    rows = ["image\ttext\tconfidence\tlearnt"]
    for line, read in zip(unread.lines, found, strict=True):
        rows.append(f"{line.sample.image}\t{read.text}\t{read.confidence:.6f}\t{'yes' if is_sure(read) else 'no'}")
    table.parent.mkdir(exist_ok=True)
    table.write_text("\n".join(rows) + "\n", encoding="utf-8", errors="backslashreplace")
    return found


def is_sure(read: ReadLine) -> bool:
    """Whether a line is learnt as it was read."""
    return len(read.text) >= FEWEST_CHARACTERS and read.confidence >= LEAST_CONFIDENCE


def chosen(
    read: Sequence[ReadLine], after_epoch: int, epochs: int, best_epoch: int, validation: Reading
) -> SavedSelfTraining:
    """The lines that are learnt after this epoch, and what is told of them.

    Args:
        epochs: how many learn them.
        validation: what the model that read them, of `best_epoch`, reads on the validation lines.
    """
    sure = [each for each in read if is_sure(each)]
    characters = sum(len(each.text) for each in sure)
    told = SelfTraining(
        after_epoch=after_epoch,
        epochs=epochs if sure else 0,
        best_epoch=best_epoch,
        lines=len(read),
        taken=len(sure),
        characters=characters,
        confidence=sum(each.confidence * len(each.text) for each in sure) / characters if sure else None,
        val_cer=validation.total.cer,
        lm_val_cer=(validation.guided or validation).total.cer,
    )
    return SavedSelfTraining(told, tuple(each.text if is_sure(each) else "" for each in read))


def lines_to_learn(unread: Split, saved: SavedSelfTraining) -> list[Line]:
    """The lines that are learnt, with what was read as their text."""
    return [replace(line, text=text) for line, text in zip(unread.lines, saved.texts, strict=True) if text]
