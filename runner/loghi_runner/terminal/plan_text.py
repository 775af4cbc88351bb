"""A plan as a person reads it: what is trained on, where, with what, and what is skipped."""

from collections import Counter

from loghi_contract.job import TrainingSpec
from loghi_runner.aliases import Row
from loghi_runner.engines.base import Setting
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.wording import counted, plural, short_path

#: So many skipped lines are named one by one; the rest is counted.
_NAMED_SKIPS = 12


def plan_rows(plan: RunPlan, setting: Setting) -> list[Row]:
    """Label and text of what the run does; the texts hold whole paths and may be long."""
    rows = [
        ("engine", setting.engine),
        ("device", setting.device.sentence),
        ("base model", _base_model(plan)),
        ("training", _lines(plan, "train")),
        ("validation", _lines(plan, "val")),
    ]
    if setting.memory_bytes is not None:
        rows.insert(2, ("memory", f"at most {setting.memory_bytes / 1e9:.1f} GB"))
    if setting.image is not None:
        rows.insert(1, ("image", f"{setting.image.name} ({setting.image.digest.rpartition(':')[2][:12]})"))
    if "test" in plan.lists:
        rows.append(("test", _lines(plan, "test")))
    if "base_domain" in plan.lists:
        rows.append(("base domain", _lines(plan, "base_domain")))
    if plan.skipped:
        counts = Counter(line.reason.value for _split, line in plan.skipped)
        rows.append(("skipped", f"{plural(len(plan.skipped), 'line')}: {counted(counts)}"))
    return [*rows, ("settings", _settings(plan.job.training)), ("output", short_path(plan.run_dir))]


def mount_rows(plan: RunPlan) -> list[Row]:
    """What the trainer gets to see, in the order of the mounts."""
    return [
        (str(mount.target), f"{short_path(mount.source)}{'' if mount.read_only else '  (writable)'}")
        for mount in plan.mounts
    ]


def skipped_rows(plan: RunPlan) -> list[Row]:
    """Where a skipped line stands, and why it is skipped."""
    rows = [
        (line.where, f"{line.reason.value}: {line.detail or line.image}")
        for _split, line in plan.skipped[:_NAMED_SKIPS]
    ]
    rest = len(plan.skipped) - len(rows)
    return [*rows, ("", f"... and {rest} more")] if rest > 0 else rows


def _base_model(plan: RunPlan) -> str:
    if plan.job.vgsl is not None:
        return f"none: trained from scratch, network {plan.job.vgsl}"
    if plan.base is None:
        return "cannot be used"
    folder = short_path(plan.base.model_file.parent)
    return f"{folder} ({len(plan.base.tokenizer.characters)} characters, line height {plan.base.height_px} px)"


def _lines(plan: RunPlan, split: str) -> str:
    return plural(len(plan.lists.get(split, ())), "line")


def _settings(training: TrainingSpec) -> str:
    stop = f", stop after {training.early_stopping} without gain" if training.early_stopping else ""
    return (
        f"{plural(training.epochs, 'epoch')} at most{stop}, {plural(training.batch_size, 'line')} a step, "
        f"learning rate {training.learning_rate:g}"
    )
