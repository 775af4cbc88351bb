"""From a run's folder back to a plan: the same job, lines, line images and base model, found again and compared."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract import CONTRACT, __version__
from loghi_contract.files import read_plain
from loghi_contract.job import DeviceKind, Split
from loghi_contract.lines import SKIPPED_COLUMNS, SkippedLine, SkipReason
from loghi_contract.places import DATA_DIR
from loghi_contract.processor import processor_name
from loghi_runner.config.load import LoadedConfig
from loghi_runner.engines.base import Setting
from loghi_runner.engines.image import VERSION_LABEL
from loghi_runner.engines.mounts import DataFolders, home_folders, on_this_machine, run_mounts
from loghi_runner.errors import DataError, UsageError
from loghi_runner.files import file_sha256, real_path
from loghi_runner.findings import Severity, errors
from loghi_runner.finetuning.check_output import check_disk, check_output
from loghi_runner.finetuning.data_hashes import data_sha256, image_hashes, read_hashes
from loghi_runner.finetuning.plan import Again, RunPlan
from loghi_runner.ground_truth.line_store import STORE_FOLDER
from loghi_runner.models.find import BaseModelCheck, check_base_model
from loghi_runner.runs.folder import RunFolder, RunRecord, used_cards
from loghi_runner.runs.made_of import DATA_KEY, Difference, Effect, MadeOf, differences

_NAMED = 3
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
    base_model: Path | None = None,
) -> RunPlan:
    """The plan of a run that does what this one did; nothing is drawn, split or cut again.

    Args:
        loaded: the run's own config.
        output: where the run goes; by default beside this one.
        base_model: where the base model is now; by default where it was.

    Raises:
        UsageError: the run's folder lacks what says what it did.
        DataError: there is no base model.
    """
    job = folder.read_job()
    lists = {split.value: tuple(lines) for split in Split if (lines := folder.read_list(split.value))}
    more_texts = folder.read_more_texts()
    if job is None or not lists or (job.more_texts is not None and not more_texts):
        message = "the run's job cannot be read: it is damaged, or of a version that speaks another contract"
        hint = "`loghi-runner finetune` with its config.yaml begins a run anew."
        raise UsageError("run.no_job", message, where=str(folder.job_dir), hint=hint)
    # places in it are relative to where it once lay; its name may have been the file's
    output = (output or folder.path.parent).absolute()
    config = loaded.config.model_copy(update={"output": output, "name": job.name})
    base = None
    if job.vgsl is None:
        base = _base_model(record, base_model)
    homes = home_folders()
    data = _data_folders(record, folder.path.parent)
    base_folder = base.folder if base else None
    findings = (
        *(base.findings if base else ()),
        *check_output(config.output, data, base_folder, homes),
        *check_disk(config.output, base.bytes if base else 0),
    )
    return RunPlan(
        run_id=run_id,
        run_dir=output / run_id,
        config=replace(loaded, config=config),
        job=replace(job, run_id=run_id, device=device),
        lists=lists,
        skipped=tuple(_skipped_by_host(folder)),
        mounts=run_mounts(data, base_folder, real_path(output) / run_id),
        findings=tuple(sorted(findings, key=lambda finding: list(Severity).index(finding.severity))),
        base=base.facts if base else None,
        again=Again(record.run_id, record.prepared, _text(folder.split_file)),
        more_texts=more_texts,
    )


def find_again(folder: RunFolder, then: MadeOf, plan: RunPlan, setting: Setting) -> Found:
    """Hold what is here, and what the engine would use, against what the run was made of."""
    images = image_hashes(plan.lists, plan.mounts)
    data = data_sha256(plan.lists, images)
    made_by = setting.image.labels.get(VERSION_LABEL) if setting.image else __version__
    versions = {"loghi-runner": __version__, "contract": str(CONTRACT), "trainer": made_by}
    on_card = setting.device.kind is DeviceKind.GPU
    now = MadeOf(
        base_model_sha256=file_sha256(plan.base.model_file) if plan.base else None,
        # what an image that is not there changes is told by its name
        data_sha256=then.data_sha256 | data,
        job=plan.job,
        image=setting.image.name if setting.image else None,
        image_digest=setting.image.digest if setting.image else None,
        versions={name: version for name, version in versions.items() if version},
        device=setting.device.kind.value,
        cards=used_cards(setting.device),
        driver=setting.device.driver,
        processor=None if on_card else processor_name(),
        # a container is not bound to the cores that this process was given
        cores=os.cpu_count() if setting.image else len(os.sched_getaffinity(0)),
    )
    faults = tuple(_faults(folder, plan, images))
    # the files say more than the hash of all of them
    told = (each for each in differences(then, now) if not (faults and each.key.startswith(DATA_KEY)))
    return Found(now, tuple(told), faults)


def require_same(found: Found, where: Path, *, elsewhere: str) -> None:
    """Raises DataError where it would be another run.

    Args:
        elsewhere: how a command is told where things are now.
    """
    if not found.forbids:
        return
    told = [*found.faults[:_NAMED], *(each.sentence for each in found.differences if each.effect is Effect.FORBIDS)]
    more = f"; and {len(found.faults) - _NAMED} files more" if len(found.faults) > _NAMED else ""
    hint = f"Bring back what it was made of, or begin another run with `loghi-runner finetune`. {elsewhere}"
    raise DataError("run.made_of_other", f"{'; '.join(told)}{more}", where=str(where), hint=hint)


def _data_folders(record: RunRecord, beside: Path) -> DataFolders:
    """Where the line images are; those that were cut for the run lie beside it, also where all of it was moved."""
    store = real_path(beside) / STORE_FOLDER / "lines"
    folders = [Path(folder) for folder in record.data_folders]
    if record.prepared:
        folders = [store if folder.parts[-2:] == store.parts[-2:] else folder for folder in folders]
    return DataFolders(tuple(folders), (), store)


def _base_model(record: RunRecord, given: Path | None) -> BaseModelCheck:
    if given is None and record.base_model_folder is None:
        message = "where its base model was is not known: the run was made by an earlier version"
        hint = "`--base-model DIR` names it; whether it is the same is seen by its hash."
        raise DataError("model.not_known", message, hint=hint)
    place = given or Path(str(record.base_model_folder))
    found = check_base_model(place)
    if stopping := errors(found.findings):
        message = f"its base model cannot be used: {stopping[0].message}"
        raise DataError("model.gone", message, where=str(place), hint="`--base-model DIR` names where it is now.")
    return found


def _faults(folder: RunFolder, plan: RunPlan, images: Mapping[str, str]) -> Iterator[str]:
    noted = read_hashes(folder.images_file)
    for image in dict.fromkeys(sample.image for samples in plan.lists.values() for sample in samples):
        if image not in images:
            yield f"a line image is gone or closed: {_place(plan, image)}"
        elif noted.get(image, images[image]) != images[image]:
            yield f"a line image is not what it was: {_place(plan, image)}"


def _place(plan: RunPlan, image: str) -> str:
    try:
        return str(on_this_machine(plan.mounts, image))
    except ValueError:
        return image


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
