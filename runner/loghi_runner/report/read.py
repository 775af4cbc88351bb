"""What a run left behind, read for its report: readings line by line, epochs, skipped lines."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from loghi_contract.places import DATA_DIR
from loghi_runner.follow import read_events
from loghi_runner.judge_run import judge_run
from loghi_runner.line_tables import TableLine, read_line_table
from loghi_runner.progress import Progress
from loghi_runner.rundir import RunFolder, RunRecord, skipped_counts
from loghi_runner.scoring.comparison import ReadLine
from loghi_runner.scoring.counts import Variant, as_variant
from loghi_runner.scoring.forgetting import Forgetting


@dataclass(frozen=True)
class RunFacts:
    """`test` lines chose nothing; `images` says where their line images are on this machine, as far as is known."""

    record: RunRecord
    progress: Progress
    test: tuple[ReadLine, ...]
    images: dict[str, Path]
    skipped: dict[str, int]
    forgetting: Forgetting | None


def read_run(folder: RunFolder, record: RunRecord) -> RunFacts:
    progress = Progress.of(read_events(folder.events_file), record.epochs)
    lines = read_line_table(folder.out, "test")
    images = {line.image.stem: path for line in lines if (path := host_image(line.image, record.data_folders))}
    # a model from scratch had nothing to forget
    forgetting = judge_run(folder.out).forgetting if record.base_model_sha256 else None
    return RunFacts(record, progress, tuple(map(_as_scored, lines)), images, skipped_counts(folder), forgetting)


def host_image(image: PurePosixPath, data_folders: tuple[str, ...]) -> Path | None:
    """A line image's path on this machine; the n-th data folder was /in/data/<n> in the run."""
    try:
        number, *rest = image.relative_to(DATA_DIR).parts
        return Path(data_folders[int(number)], *rest)
    except (ValueError, IndexError):
        return None


def _as_scored(line: TableLine) -> ReadLine:
    # Loghi's style marks are no errors
    text, before, after = (as_variant(each, Variant.DIPLOMATIC) for each in (line.text, line.before, line.after))
    return ReadLine(line.image.stem, line.page, text, (before, after))
