"""What a run left behind, read for its report: readings line by line, epochs, times, skipped lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from loghi_contract.events import Event, Model, Phase
from loghi_contract.job import JobSpec
from loghi_runner.engines.mounts import host_image
from loghi_runner.evaluation.judgement import Forgetting
from loghi_runner.evaluation.results import Results
from loghi_runner.report.write import LOGHI_FILES
from loghi_runner.runs.follow import read_events
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.readings import MODELS, read_split
from loghi_runner.runs.rundir import RunFolder, RunRecord, skipped_counts


@dataclass(frozen=True)
class RunFacts:
    """`test` lines chose nothing; `images` says where line images are, as far as is known.

    `models` are those whose readings of the test lines count: one alone, where the other has nothing to say.
    """

    record: RunRecord
    progress: Progress
    job: JobSpec | None
    models: tuple[Model, ...]
    test: Results | None
    forgetting: Forgetting | None
    images: dict[str, Path]
    skipped: dict[str, int]
    phase_s: dict[str, float]
    #: the rows of Loghi's own files, by name
    loghi: dict[str, dict[str, float]]


def read_run(folder: RunFolder, record: RunRecord) -> RunFacts:
    events = list(read_events(folder.events_file))
    progress = Progress.of(events, record.epochs)
    job = folder.read_job()
    models = _models(progress, is_from_scratch=record.base_model_sha256 is None)
    test = read_split(folder.out, "test")
    # a model from scratch had nothing to forget, and the base model itself forgets nothing
    old_hand = read_split(folder.out, "base_domain").results() if len(models) == len(MODELS) else None
    return RunFacts(
        record,
        progress,
        job,
        models,
        test.results("test lines", models),
        old_hand.judge_forgetting() if old_hand else None,
        {
            line.id: path
            for line, image in zip(test.lines, test.images, strict=True)
            if (path := host_image(image, record.data_folders)) is not None
        },
        skipped_counts(folder),
        _phase_seconds(events),
        _loghi_rows(folder.out),
    )


def _models(progress: Progress, *, is_from_scratch: bool) -> tuple[Model, ...]:
    """Both, but a network not trained yet has nothing to say, and a model that never got better is the base model."""
    if is_from_scratch:
        return (Model.BEST,)
    if progress.finished is not None and progress.finished.best_epoch == 0:
        return (Model.BASE,)
    return (Model.BASE, Model.BEST)


def _loghi_rows(out: Path) -> dict[str, dict[str, float]]:
    """What Loghi's own files would say of the new model, without those of splits that the run has no readings of."""
    found = {name: read_split(out, split).results(models=(Model.BEST,)) for split, name in LOGHI_FILES.items()}
    return {name: results.loghi[0] for name, results in found.items() if results}


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
