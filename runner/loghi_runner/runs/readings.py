"""What the two models of a run read, line by line: the trainer's `<split>_lines.tsv`."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from loghi_contract.events import Model
from loghi_contract.files import read_plain
from loghi_contract.places import REPORT_DIR
from loghi_runner.evaluation.results import ReadLine, Results
from loghi_runner.line_pages import page_names
from loghi_runner.wording import told_apart

#: The two models of a run, and what they are called in its report.
MODELS = {Model.BASE: "base model", Model.BEST: "new model"}

_COLUMNS = ("image", "text", *(f"{model.value}_text" for model in MODELS))


@dataclass(frozen=True)
class SplitReadings:
    """The lines of a split, with a reading of each model of `MODELS`; `images` as the trainer named them."""

    lines: tuple[ReadLine, ...] = ()
    images: tuple[PurePosixPath, ...] = ()

    def only(self, images: Collection[PurePosixPath]) -> "SplitReadings":
        kept = [pair for pair in zip(self.lines, self.images, strict=True) if pair[1] in images]
        return SplitReadings(tuple(line for line, _image in kept), tuple(image for _line, image in kept))

    def results(self, what: str = "lines", models: Collection[Model] = tuple(MODELS)) -> Results | None:
        """The readings of these models, scored; None where there are no lines."""
        if not self.lines:
            return None
        places = [place for place, model in enumerate(MODELS) if model in models]
        lines = (replace(line, readings=tuple(line.readings[place] for place in places)) for line in self.lines)
        return Results(tuple(lines), tuple(name for model, name in MODELS.items() if model in models), what)


def read_split(out: Path, split: str) -> SplitReadings:
    """The lines of a split; none where the run has no such table, or one that cannot be read.

    Args:
        out: the run's out folder.
    """
    try:
        text = read_plain(out / REPORT_DIR / f"{split}_lines.tsv").decode()
        rows = [row.split("\t") for row in text.split("\n")]
    except (OSError, UnicodeDecodeError):
        return SplitReadings()
    if not set(_COLUMNS) <= set(rows[0]):
        return SplitReadings()
    places = [rows[0].index(column) for column in _COLUMNS]
    cells = [[row[place] for place in places] for row in rows[1:] if len(row) == len(rows[0])]
    images = tuple(PurePosixPath(image) for image, *_texts in cells)
    pages = page_names(images)
    return SplitReadings(
        tuple(
            ReadLine(line_id, pages[image], reference, tuple(readings))
            for line_id, image, (_, reference, *readings) in zip(_line_ids(images), images, cells, strict=True)
        ),
        images,
    )


def _line_ids(images: Sequence[PurePosixPath]) -> list[str]:
    """The images' names; with the folder's where images share one, and a number where a list repeats an image."""
    shared = Counter(image.stem for image in images)
    return told_apart(
        [image.stem if shared[image.stem] == 1 else str(image.parent / image.stem).lstrip("/") for image in images]
    )
