"""What a run left behind, read for its report: readings line by line, epochs, times, skipped lines."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from loghi_contract.events import Event, Model, Phase
from loghi_contract.job import JobSpec
from loghi_runner.engines.mounts import host_image
from loghi_runner.runs.follow import read_events
from loghi_runner.runs.judge_run import judge_run
from loghi_runner.runs.line_tables import TableLine, read_line_table
from loghi_runner.runs.loghi_csv import loghi_numbers
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.rundir import RunFolder, RunRecord, skipped_counts
from loghi_runner.evaluation.comparison import ReadLine
from loghi_runner.evaluation.forgetting import Forgetting
from loghi_runner.wording import told_apart

#: What a run's two models are called in its report.
NAMES = {Model.BASE: "base model", Model.BEST: "new model"}


@dataclass(frozen=True)
class RunFacts:
    """`test` lines chose nothing; `images` says where line images are, as far as is known.

    `models` are those whose readings stand in the test lines: one alone, where the other has nothing to say.
    """

    record: RunRecord
    progress: Progress
    job: JobSpec | None
    models: tuple[Model, ...]
    test: tuple[ReadLine, ...]
    forgetting: Forgetting | None
    images: dict[str, Path]
    skipped: dict[str, int]
    phase_s: dict[str, float]
    #: the rows of Loghi's own files, by name
    loghi: dict[str, dict[str, float]]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(NAMES[model] for model in self.models)


def read_run(folder: RunFolder, record: RunRecord) -> RunFacts:
    events = list(read_events(folder.events_file))
    progress = Progress.of(events, record.epochs)
    job = folder.read_job()
    models = _models(progress, is_from_scratch=record.base_model_sha256 is None)
    test = read_line_table(folder.out, "test")
    names = _names(test)
    return RunFacts(
        record,
        progress,
        job,
        models,
        _read_lines(test, names, models),
        # a model from scratch had nothing to forget, and the base model itself forgets nothing
        judge_run(folder.out).forgetting if len(models) == len(NAMES) else None,
        {
            name: path
            for name, line in zip(names, test, strict=True)
            if (path := host_image(line.image, record.data_folders)) is not None
        },
        skipped_counts(folder),
        _phase_seconds(events),
        loghi_numbers(folder.out),
    )


def _models(progress: Progress, *, is_from_scratch: bool) -> tuple[Model, ...]:
    """Both, but a network not trained yet has nothing to say, and a model that never got better is the base model."""
    if is_from_scratch:
        return (Model.BEST,)
    if progress.finished is not None and progress.finished.best_epoch == 0:
        return (Model.BASE,)
    return (Model.BASE, Model.BEST)


def _names(lines: Sequence[TableLine]) -> list[str]:
    """A name for each line, its image's; with the folder's where images share it, and a number where a list repeats."""
    shared = Counter(line.image.stem for line in lines)
    images = [line.image for line in lines]
    return told_apart(
        [image.stem if shared[image.stem] == 1 else str(image.relative_to("/").with_suffix("")) for image in images]
    )


def _read_lines(lines: Sequence[TableLine], names: Iterable[str], models: tuple[Model, ...]) -> tuple[ReadLine, ...]:
    return tuple(
        ReadLine(
            name,
            line.page,
            line.text,
            tuple(line.before if model is Model.BASE else line.after for model in models),
        )
        for name, line in zip(names, lines, strict=True)
    )


def _phase_seconds(events: Sequence[Event]) -> dict[str, float]:
    """How long each phase took, in the order in which they began; one that comes again is added up."""
    took: dict[str, float] = {}
    current: str | None = None
    for before, event in pairwise(events):
        if isinstance(before.payload, Phase):
            current = before.payload.name
        if current is not None:
            took[current] = took.get(current, 0.0) + event.t - before.t
    return took
