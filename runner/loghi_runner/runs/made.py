"""How a run's model was made, as rows of a table: everything needed to make it again, or to cite it."""

from loghi_contract.events import DataSummary
from loghi_contract.job import JobSpec
from loghi_runner.aliases import Row
from loghi_runner.runs.run_facts import RunFacts
from loghi_runner.wording import duration, local_time, phase_word, plural, split_word


def made_rows(facts: RunFacts) -> list[Row]:
    """Label and text; what is not known is left out."""
    record, progress = facts.record, facts.progress
    started, finished = progress.started, progress.finished
    rows = [("run", record.run_id), ("base model", _base_model(facts))]
    if facts.job is not None:
        rows += [("trained with", _training(facts.job)), ("seed", str(facts.job.training.seed))]
    rows += [
        (split_word(name), _split(summary, record.data_sha256.get(name))) for name, summary in progress.data.items()
    ]
    rows.append(("text normalization", facts.job.normalization.value) if facts.job else ("", ""))
    rows.append(("device", started.device.name if started else record.device))
    image = f", image {record.image} {record.image_digest or ''}".rstrip() if record.image else ", no container"
    rows.append(("engine", record.engine + image))
    versions = dict(record.versions)
    if started is not None:
        versions |= {"trainer": started.versions.trainer, "Keras": started.versions.keras}
        cuda = f", CUDA {started.versions.cuda}" if started.versions.cuda else ""
        rows.append(("backend", started.versions.backend + cuda))
    rows.append(("versions", ", ".join(f"{name} {version}" for name, version in versions.items())))
    rows.append(("started", local_time(record.created)))
    if record.ended:
        rows.append(("ended", local_time(record.ended)))
    if facts.phase_s:
        parts = ", ".join(f"{phase_word(name)} {duration(seconds)}" for name, seconds in facts.phase_s.items())
        rows.append(("took", f"{duration(sum(facts.phase_s.values()))} ({parts})"))
    if finished is not None and finished.peak_memory_mb:
        gpu = f", {finished.peak_gpu_memory_mb} MB on the card" if finished.peak_gpu_memory_mb else ""
        rows.append(("memory", f"{finished.peak_memory_mb} MB at most{gpu}"))
    overrides = "; set on the command line: " + ", ".join(record.overrides) if record.overrides else ""
    rows.append(("config", f"sha256 {record.config_sha256}{overrides}"))
    return [row for row in rows if row[0]]


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
    if spec.freeze:
        parts.append("frozen: " + ", ".join(part.value for part in spec.freeze))
    return ", ".join(parts)


def _split(summary: DataSummary, sha256: str | None) -> str:
    """The split's size and the hash of its images and texts."""
    size = f"{plural(summary.lines, 'line')}, {summary.characters} characters"
    return f"{size}; images and texts sha256 {sha256}" if sha256 else size
