"""What the two models of a run read on each line of a split, as the trainer's `<split>_lines.tsv` has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from loghi_contract.counts import ErrorCounts
from loghi_contract.files import read_plain
from loghi_contract.places import REPORT_DIR
from loghi_runner.line_pages import page_names
from loghi_runner.evaluation.counts import count

#: The two models of a run, as the trainer calls them in its tables.
MODELS = ("base_model", "best_val")

_COLUMNS = ("image", "text", *(f"{model}_text" for model in MODELS))


@dataclass(frozen=True)
class TableLine:
    """One line: its image as the trainer named it, its page, its transcription, and what each model read."""

    image: PurePosixPath
    page: str
    text: str
    before: str
    after: str


@dataclass(frozen=True)
class LineCounts:
    """The errors of both models on the same lines, in one order."""

    before: tuple[ErrorCounts, ...]
    after: tuple[ErrorCounts, ...]
    pages: tuple[str, ...]


def read_line_table(out: Path, split: str) -> tuple[TableLine, ...]:
    """The lines of a split; none where the run has no such table, or one that cannot be read.

    Args:
        out: the run's out folder.
    """
    try:
        text = read_plain(out / REPORT_DIR / f"{split}_lines.tsv").decode()
        rows = [row.split("\t") for row in text.split("\n")]
    except (OSError, UnicodeDecodeError):
        return ()
    if not set(_COLUMNS) <= set(rows[0]):
        return ()
    places = [rows[0].index(column) for column in _COLUMNS]
    cells = [[row[place] for place in places] for row in rows[1:] if len(row) == len(rows[0])]
    images = [PurePosixPath(image) for image, *_texts in cells]
    pages = page_names(images)
    return tuple(TableLine(image, pages[image], *texts) for image, (_, *texts) in zip(images, cells, strict=True))


def count_lines(lines: Sequence[TableLine]) -> LineCounts:
    return LineCounts(
        before=tuple(count(line.text, line.before) for line in lines),
        after=tuple(count(line.text, line.after) for line in lines),
        pages=tuple(line.page for line in lines),
    )
