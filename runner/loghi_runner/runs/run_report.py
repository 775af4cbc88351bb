"""report.html and report.json in a run's out/report: is the new model better, and where does it err?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from markupsafe import Markup

from loghi_contract.events import Event, Model, Phase, Resumed
from loghi_contract.job import DeviceKind, JobSpec
from loghi_contract.lines import SKIP_SENTENCES, SkipReason
from loghi_contract.records import to_json
from loghi_runner.aliases import Row
from loghi_runner.engines.mounts import host_image
from loghi_runner.errors import UsageError
from loghi_runner.evaluation.judgement import Forgetting
from loghi_runner.evaluation.results import Results
from loghi_runner.files import cannot_write
from loghi_runner.report.charts import draw_curve
from loghi_runner.report.html import render
from loghi_runner.report.shown import ShownErrors, choose_errors
from loghi_runner.report.write import LOGHI_FILES, results_json, write_files, write_loghi_csv
from loghi_runner.runs.folder import RunFolder, RunRecord, require_ours, skipped_counts
from loghi_runner.runs.language_model_report import LanguageModelReport, report_language_model
from loghi_runner.runs.made_of import MORE_TEXTS, MadeOf, made_of
from loghi_runner.runs.progress import Progress, read_events
from loghi_runner.runs.verdict import MODELS, read_split
from loghi_runner.wording import (
    chosen_line,
    duration,
    local_time,
    phase_word,
    plural,
    self_training_gain,
    self_training_line,
    split_word,
    status_word,
    typed,
    way_words,
)


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
    language_model: LanguageModelReport | None = None

    @property
    def made_of(self) -> MadeOf:
        return made_of(self.record, self.progress, self.job)


def write_run_report(folder: RunFolder, record: RunRecord) -> Path:
    """Write all files from what the run left behind, and return the HTML one. Raises OSError."""
    facts = read_run(folder, record)
    charset = facts.progress.charset
    errors = choose_errors(facts.test, charset.added if charset else ()) if facts.test else None
    for name, row in facts.loghi.items():
        write_loghi_csv(folder.report_dir / name, row)
    return write_files(folder.report_dir, _as_html(facts, errors), _as_json(facts, errors))


def make_run_report(folder: RunFolder, record: RunRecord) -> Path:
    """As `write_run_report`, when somebody asks for it.

    Raises:
        UsageError: the run has not read a line yet, or belongs to another account.
        EngineError: the disk does not take it.
    """
    require_ours(folder, "report on")
    if not read_run(folder, record).progress.epochs:
        message = "there is nothing to report: the run has not read its validation lines yet"
        hint = f"`loghi-runner show {typed(folder.path)}` says how it stands."
        raise UsageError("report.nothing_yet", message, where=str(folder.path), hint=hint)
    try:
        return write_run_report(folder, record)
    except OSError as error:
        hint = "Free space there; of a run that may only be read, make the report in a copy."
        raise cannot_write("the report", error, folder.out, error.filename or folder.report_file, hint) from error


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
        report_language_model(folder, progress),
    )


def made_rows(facts: RunFacts) -> list[Row]:
    """How the run's model was made: what is needed to make it again, or to cite it; what is not known is left out."""
    record, progress = facts.record, facts.progress
    finished = progress.finished
    rows = [("run", record.run_id), ("base model", _base_model(facts))]
    if facts.job is not None:
        rows += [("trained with", _training(facts.job)), ("seed", str(facts.job.training.seed))]
    if line_images := _line_images(facts):
        rows.append(("line images", line_images))
    for name, summary in progress.data.items():
        size = f"{plural(summary.lines, 'line')}, {summary.characters} characters"
        sha256 = record.data_sha256.get(name)
        rows.append((split_word(name), f"{size}; images and texts sha256 {sha256}" if sha256 else size))
    if sha256 := record.data_sha256.get(MORE_TEXTS):
        rows.append((split_word(MORE_TEXTS), f"sha256 {sha256}"))
    if facts.job is not None:
        rows.append(("text normalization", facts.job.normalization.value))
    made = facts.made_of
    rows += _device_rows(facts, made)
    image = f", image {record.image} {record.image_digest or ''}".rstrip() if record.image else ", no container"
    rows.append(("engine", record.engine + image))
    rows.append(("versions", ", ".join(f"{name} {version}" for name, version in made.versions.items())))
    rows.append(("started", local_time(record.created)))
    rows += [("resumed", f"{local_time(it.at)} on {it.machine}, engine {it.engine}") for it in record.resumptions]
    if record.ended:
        rows.append(("ended", local_time(record.ended)))
    if facts.phase_s:
        parts = ", ".join(f"{phase_word(name)} {duration(seconds)}" for name, seconds in facts.phase_s.items())
        rows.append(("took", f"{duration(sum(facts.phase_s.values()))} ({parts})"))
    if finished is not None and finished.peak_memory_mb:
        gpu = f", {finished.peak_gpu_memory_mb} MB on the card" if finished.peak_gpu_memory_mb else ""
        rows.append(("memory", f"{finished.peak_memory_mb} MB at most{gpu}"))
    if record.energy_j is not None:
        rows.append(("energy", f"{record.energy_j / 3.6e6:.3f} kWh by the graphics card, with all that computed on it"))
    if record.reproduces:
        rows.append(("made again from", f"run {record.reproduces}"))
    overrides = "; set on the command line: " + ", ".join(record.overrides) if record.overrides else ""
    rows.append(("config", f"sha256 {record.config_sha256}{overrides}"))
    return rows


def _as_json(facts: RunFacts, errors: ShownErrors | None) -> dict[str, Any]:
    return {
        "kind": "report",
        "verdict": facts.record.verdict,
        # where the models of a machine lie is nothing for whoever may read a report
        "run": to_json(replace(facts.record, base_model_folder=None)),
        "made_of": to_json(facts.made_of),
        "epochs": to_json(facts.progress.epochs),
        "evaluations": to_json(facts.progress.evaluations),
        "skipped": facts.skipped,
        "phase_seconds": facts.phase_s,
        "loghi": facts.loghi,
        "job": to_json(facts.job),
        "test": results_json(facts.test, errors) if facts.test and errors else None,
        "forgetting": to_json(facts.forgetting),
        "language_model": to_json(facts.language_model),
        "self_training": to_json(facts.progress.self_training),
    }


def _as_html(facts: RunFacts, errors: ShownErrors | None) -> str:
    epochs = facts.progress.epochs
    return render(
        "run.html",
        errors.lines if errors else (),
        facts.images,
        record=facts.record,
        status=status_word(facts.record.status) if facts.record.status else facts.record.state.word,
        remarks=_remarks(facts),
        progress=facts.progress,
        best_epoch=facts.record.best_epoch,
        has_val_loss=any(epoch.val_loss is not None for epoch in epochs),
        results=facts.test,
        errors=errors,
        forgetting=facts.forgetting,
        language_model=facts.language_model,
        self_training=_self_training(facts.progress),
        loghi=facts.loghi,
        curve=Markup(draw_curve(epochs)) if len(epochs) > 1 else "",  # noqa: S704  # drawn by us, from numbers only
        skipped={_skip_words(reason): count for reason, count in facts.skipped.items()},
        made=made_rows(facts),
    )


def _self_training(progress: Progress) -> str | None:
    """What was learnt of lines that nobody transcribed, and what it brought."""
    told = progress.self_training
    if told is None:
        return None
    gain = self_training_gain(told, progress.epochs, progress.language_model)
    return f"{self_training_line(told)}. {gain}." if gain else f"{self_training_line(told)}."


def _remarks(facts: RunFacts) -> list[str]:
    """What a reader must know before the numbers."""
    told = []
    if not facts.record.state.is_over:
        told.append("The run goes on: this is how it stood when the report was written.")
    elif facts.record.error is not None:
        told.append(f"The run has no good end: {facts.record.error.message}.")
    elif not facts.test:
        told.append(
            "The run was stopped before the new model had read the test lines."
            if "test" in facts.progress.data
            else "There were no test lines: nothing here was measured on lines that chose nothing."
        )
    elif len(facts.models) == 1:
        told.append(
            "The model was trained from scratch: there is no base model to compare it with."
            if facts.models == (Model.BEST,)
            else "No epoch was better than the base model, so what is shown here is the base model."
        )
    if facts.record.still_improving:
        told.append(f"More epochs may bring more: {facts.record.still_improving}. `loghi-runner resume` adds some.")
    if facts.test and not any(path.is_file() for path in facts.images.values()):
        told.append("The line images are not where they were during the run, so lines are shown without them.")
    told += [f"{notice.message}. {notice.hint or ''}".rstrip() for notice in facts.progress.notices]
    return told


def _line_images(facts: RunFacts) -> str | None:
    """How they came about, where Loghi would not have them so."""
    if facts.progress.chosen is not None:
        return chosen_line(facts.progress.chosen)
    if facts.job is None or (facts.job.cut is None and not facts.job.straighten):
        return None
    return way_words("true") if facts.job.straighten or facts.job.cut is None else way_words(facts.job.cut.value)


def _skip_words(reason: str) -> str:
    try:
        return SKIP_SENTENCES[SkipReason(reason)]
    except ValueError:
        return reason


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
        if isinstance(event.payload, Resumed):
            current = None  # nobody worked in between
        if isinstance(before.payload, Phase):
            current = before.payload.name
        if current is not None:
            took[current] = took.get(current, 0.0) + max(event.t - before.t, 0.0)  # a clock can be set back
    return took


def _device_rows(facts: RunFacts, made: MadeOf) -> list[Row]:
    started = facts.progress.started
    device = ", ".join(card.words for card in made.cards) or (started.device.name if started else facts.record.device)
    rows = [("device", device + (f", driver {made.driver}" if made.driver else ""))]
    if made.processor is not None:
        parts = f", a batch in {made.parts} parts" if made.parts and made.parts > 1 else ""
        processor = ("processor", f"{made.processor}, {plural(made.cores or 0, 'core')}{parts}")
        # where the processor is the device, it is told once
        rows = [*rows, processor] if made.device == DeviceKind.GPU.value else [processor]
    return rows


def _base_model(facts: RunFacts) -> str:
    if facts.job is not None and facts.job.vgsl is not None:
        return f"none: trained from scratch, network {facts.job.vgsl}"
    return f"sha256 {facts.record.base_model_sha256}" if facts.record.base_model_sha256 else "not known"


def _training(job: JobSpec) -> str:
    spec = job.training
    parts = [
        f"{plural(spec.epochs, 'epoch')} at most",
        f"{spec.batch_size} lines a step",
        f"learning rate {spec.learning_rate:g}",
        f"augmentation {spec.augmentation.value}",
        f"stop after {plural(spec.early_stopping, 'epoch')} without gain" if spec.early_stopping else "no early stop",
        f"charset {job.charset.value}",
    ]
    if (last := job.self_training) is not None:
        parts.append(f"then {plural(last.epochs, 'epoch')} with unread lines, learning rate {last.learning_rate:g}")
    if spec.freeze:
        parts.append("frozen: " + ", ".join(part.value for part in spec.freeze))
    return ", ".join(parts)
