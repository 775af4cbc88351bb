"""What a run left behind, read for its report: readings line by line, epochs, skipped lines."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from loghi_contract.places import DATA_DIR, REPORT_DIR
from loghi_runner.follow import read_events
from loghi_runner.progress import Progress
from loghi_runner.rundir import RunFolder, RunRecord, skipped_counts
from loghi_runner.scoring.comparison import ReadLine
from loghi_runner.scoring.counts import Variant, as_variant

#: The two models of a run, as the trainer calls them in its tables.
MODELS = ("base_model", "best_val")


@dataclass(frozen=True)
class RunFacts:
    """`test` lines chose nothing; `images` says where their line images are on this machine, as far as is known."""

    record: RunRecord
    progress: Progress
    test: tuple[ReadLine, ...]
    images: dict[str, Path]
    skipped: dict[str, int]


def read_run(folder: RunFolder, record: RunRecord) -> RunFacts:
    progress = Progress.of(read_events(folder.events_file), record.epochs)
    test, images = _read_table(folder.out / REPORT_DIR / "test_lines.tsv", record.data_folders)
    return RunFacts(record, progress, test, images, skipped_counts(folder))


def _read_table(table: Path, data_folders: tuple[str, ...]) -> tuple[tuple[ReadLine, ...], dict[str, Path]]:
    try:
        rows = [row.split("\t") for row in table.read_text(encoding="utf-8").split("\n")]
    except (OSError, UnicodeDecodeError):
        return (), {}
    columns = ("image", "text", *(f"{model}_text" for model in MODELS))
    if not rows or not set(columns) <= set(rows[0]):
        return (), {}
    places = [rows[0].index(column) for column in columns]
    lines, images = [], {}
    for row in rows[1:]:
        if len(row) == len(rows[0]):
            image, text, before, after = (row[place] for place in places)
            path = PurePosixPath(image)
            # as they are scored: Loghi's style marks are no errors
            text, before, after = (as_variant(each, Variant.DIPLOMATIC) for each in (text, before, after))
            lines.append(ReadLine(path.stem, str(path.parent), text, (before, after)))
            on_host = _on_host(path, data_folders)
            if on_host is not None:
                images[path.stem] = on_host
    return tuple(lines), images


def _on_host(image: PurePosixPath, data_folders: tuple[str, ...]) -> Path | None:
    """The image's path on this machine; the n-th data folder was /in/data/<n> in the run."""
    try:
        number, *rest = image.relative_to(DATA_DIR).parts
        return Path(data_folders[int(number)], *rest)
    except (ValueError, IndexError):
        return None
