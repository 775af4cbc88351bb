"""From a run's folder back to a plan: the same job, lines, line images and base model, found again and compared."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract import CONTRACT, __version__
from loghi_contract.files import read_plain
from loghi_contract.job import DeviceKind
from loghi_contract.lines import SKIPPED_COLUMNS, SkippedLine, SkipReason
from loghi_contract.places import BASE_MODEL_DIR, DATA_DIR
from loghi_contract.processor import processor_name
from loghi_runner.config.load import LoadedConfig
from loghi_runner.engines.base import Setting
from loghi_runner.engines.image import VERSION_LABEL
from loghi_runner.engines.mounts import DataFolders, home_folders
from loghi_runner.errors import DataError, UsageError
from loghi_runner.files import file_sha256, real_path
from loghi_runner.findings import Severity
from loghi_runner.finetuning.check_output import check_disk, check_output
from loghi_runner.finetuning.data_hashes import data_faults, in_one_sentence
from loghi_runner.finetuning.moved import mounts_of
from loghi_runner.finetuning.plan import Again, RunPlan
from loghi_runner.ground_truth.line_store import STORE_FOLDER
from loghi_runner.models.find import check_base_model
from loghi_runner.runs.folder import RunFolder, RunRecord, used_cards
from loghi_runner.runs.made_of import Difference, Effect, MadeOf, differences

_REASONS = {reason.value for reason in SkipReason}


@dataclass(frozen=True)
class Found:
    """What is here of that which a run was made of; `faults` names each file that is not what it was."""

    now: MadeOf
    differences: tuple[Difference, ...]
    faults: tuple[str, ...]

    @property
    def forbids(self) -> bool:
        """Whether it would be another run, not this one."""
        return bool(self.faults) or any(each.effect is Effect.FORBIDS for each in self.differences)


def plan_from_run(
    folder: RunFolder,
    record: RunRecord,
    loaded: LoadedConfig,
    *,
    run_id: str,
    device: DeviceKind,
    output: Path | None = None,
    moved: Sequence[str] = (),
) -> RunPlan:
    """The plan of a run that does what this one did; nothing is drawn, split or cut again.

    Args:
        loaded: the run's own config.
        output: where the run goes; by default beside this one.
        moved: pairs OLD=NEW of places that are elsewhere now.

    Raises:
        UsageError: the run's folder lacks what says what it did.
        DataError: its base model or its line images are not there.
    """
    job = folder.read_job()
    lists = {name: tuple(lines) for name in folder.list_names() if (lines := folder.read_named_list(name))}
    more_texts = folder.read_more_texts()
    if job is None or not lists or (job.more_texts is not None and not more_texts):
        what, where = ("job", folder.job_file) if job is None else ("lines", folder.list_file("train").parent)
        message = f"the run's {what} cannot be read: damaged, or of a version that speaks another contract"
        hint = "`loghi-runner finetune` with its config.yaml begins a run anew."
        raise UsageError("run.no_job", message, where=str(where), hint=hint)
    # places in it are relative to where it once lay; its name may have been the file's
    output = (output or folder.path.parent).absolute()
    config = loaded.config.model_copy(update={"output": output, "name": job.name})
    mounts = mounts_of(folder, record, moved, output / run_id)
    base_folder = next((mount.source for mount in mounts if mount.target == BASE_MODEL_DIR), None)
    base = check_base_model(base_folder) if base_folder else None
    data = tuple(mount.source for mount in mounts if mount.target.is_relative_to(DATA_DIR))
    cut = real_path(folder.path.parent) / STORE_FOLDER / "lines"
    findings = (
        *(base.findings if base else ()),
        *check_output(output, DataFolders(data, (), cut), base_folder, home_folders()),
        *check_disk(output, base.bytes if base else 0),
    )
    return RunPlan(
        run_id=run_id,
        run_dir=output / run_id,
        config=replace(loaded, config=config),
        job=replace(job, run_id=run_id, device=device, resume=False),
        lists=lists,
        skipped=tuple(_skipped_by_host(folder)),
        mounts=mounts,
        findings=tuple(sorted(findings, key=lambda finding: list(Severity).index(finding.severity))),
        base=base.facts if base else None,
        again=Again(record.run_id, record.prepared, _text(folder.split_file)),
        more_texts=more_texts,
    )


def find_again(folder: RunFolder, record: RunRecord, then: MadeOf, plan: RunPlan, setting: Setting) -> Found:
    """Hold what is here, and what the engine would use, against what the run was made of."""
    made_by = setting.image.labels.get(VERSION_LABEL) if setting.image else __version__
    versions = {"loghi-runner": __version__, "contract": str(CONTRACT), "trainer": made_by}
    on_card = setting.device.kind is DeviceKind.GPU
    now = MadeOf(
        base_model_sha256=file_sha256(plan.base.model_file) if plan.base else None,
        # the lines are told one by one, as faults
        data_sha256=then.data_sha256,
        job=plan.job,
        image=setting.image.name if setting.image else None,
        image_digest=setting.image.digest if setting.image else None,
        versions={name: version for name, version in versions.items() if version},
        device=setting.device.kind.value,
        cards=used_cards(setting.device.cards),
        driver=setting.device.driver,
        processor=None if on_card else processor_name(),
        # a container is not bound to the cores that this process was given
        cores=os.cpu_count() if setting.image else len(os.sched_getaffinity(0)),
        resumed=0,
    )
    return Found(now, tuple(differences(then, now)), tuple(data_faults(folder, record, plan.mounts)))


def require_same(found: Found, where: Path) -> None:
    """Raises DataError where it would be another run."""
    if not found.forbids:
        return
    told = [in_one_sentence(found.faults)] if found.faults else []
    told += [each.sentence for each in found.differences if each.effect is Effect.FORBIDS]
    hint = (
        "Bring back what it was made of, or begin another run with `loghi-runner finetune`. "
        "`--moved OLD=NEW` names where base model and line images are now."
    )
    raise DataError("run.made_of_other", "; ".join(told), where=str(where), hint=hint)


def _skipped_by_host(folder: RunFolder) -> Iterator[tuple[str, SkippedLine]]:
    """The lines that never came to the trainer; what it skipped itself, as it names images, it will skip again."""
    for row in (_text(folder.skipped_file) or "").splitlines()[1:]:
        fields = row.split("\t")
        if len(fields) == len(SKIPPED_COLUMNS) and not fields[2].startswith(f"{DATA_DIR}/") and fields[4] in _REASONS:
            split, where, image, text, reason, detail = fields
            yield split, SkippedLine(image, text, where, SkipReason(reason), detail)


def _text(path: Path) -> str | None:
    try:
        return read_plain(path).decode("utf-8", "surrogateescape")
    except OSError:
        return None
