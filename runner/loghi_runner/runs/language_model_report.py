"""What a run's language model does to its test lines: which words it mends or spoils, and what it changed."""

from dataclasses import dataclass
from pathlib import Path

from loghi_contract.language_model import WITH_LM
from loghi_contract.text import Normalization, normalize
from loghi_runner.evaluation.counts import Piece, align
from loghi_runner.evaluation.word_kinds import WordRow, word_rows
from loghi_runner.runs.folder import RunFolder
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.verdict import BEST_TEXT, read_cells
from loghi_runner.wording import language_model_line

#: Lines that are shown, those with the most changes first.
_SHOWN = 12


@dataclass(frozen=True)
class ChangedLine:
    """`pieces` are the reading with the language model against that of the image alone."""

    name: str
    reference: str
    by_image: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class LanguageModelReport:
    """`about` says what it learnt, and what the validation lines say of it; without test lines the rest is empty."""

    about: str
    lines: int = 0
    words: tuple[WordRow, ...] = ()
    changed: tuple[ChangedLine, ...] = ()
    changed_count: int = 0


def report_language_model(folder: RunFolder, progress: Progress) -> LanguageModelReport | None:
    """Of the test lines, as the trainer left both readings; None where the run told of no language model."""
    told = progress.language_model
    if told is None:
        return None
    about = language_model_line(told.sources, told.validation)
    cells = read_cells(folder.out, "test", ("image", "text", BEST_TEXT, f"{WITH_LM}_text"))
    if not cells:
        return LanguageModelReport(about)
    changed = [
        ChangedLine(Path(image).stem, reference, by_image, align(by_image, with_lm))
        for image, reference, by_image, with_lm in cells
        if by_image != with_lm
    ]
    changed.sort(key=lambda line: -sum(piece.reference != piece.reading for piece in line.pieces))
    rows = word_rows([row[1] for row in cells], [row[2:] for row in cells], learnt_words(folder))
    return LanguageModelReport(about, len(cells), rows, tuple(changed[:_SHOWN]), len(changed))


def learnt_words(folder: RunFolder) -> set[str]:
    """The words of all texts that a run's model and its language model learnt from."""
    job = folder.read_job()
    normalization = job.normalization if job is not None else Normalization.NFC
    texts = [sample.text for sample in folder.read_list("train") or ()]
    return {word for text in (*texts, *folder.read_more_texts()) for word in normalize(text, normalization).split()}
