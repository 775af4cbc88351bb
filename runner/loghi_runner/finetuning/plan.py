"""What a run will do, decided before anything is written: job, lists, mounts and findings; and what is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from loghi_contract import CONTRACT
from loghi_contract.job import DeviceKind, JobSpec, ListsSpec, Split
from loghi_contract.lines import LineSample, SkippedLine
from loghi_contract.model_folder import ModelFacts
from loghi_contract.places import LISTS_DIR, MORE_TEXTS_FILE
from loghi_runner.aliases import OnProgress
from loghi_runner.config.load import LoadedConfig
from loghi_runner.config.schema import TrainingConfig, VgslModel
from loghi_runner.engines.base import Mount, Setting
from loghi_runner.engines.mounts import choose_data_folders, home_folders, run_mounts
from loghi_runner.files import real_path
from loghi_runner.findings import Finding, Severity, errors
from loghi_runner.finetuning.check_output import check_disk, check_output
from loghi_runner.finetuning.schedule import check_epochs, check_folds, training_spec
from loghi_runner.ground_truth.check_charset import check_characters, check_normalization, choose_normalization
from loghi_runner.ground_truth.check_lines import check_lines, check_look, check_transparency
from loghi_runner.ground_truth.collect import PagesTruth, collect_ground_truth
from loghi_runner.ground_truth.line_store import LineStore
from loghi_runner.ground_truth.more_texts import MoreTexts, read_more_texts
from loghi_runner.ground_truth.split import deal_folds
from loghi_runner.models.find import check_base_model
from loghi_runner.pages.texts import TextOptions
from loghi_runner.runs.run_trainer import RunView


@dataclass(frozen=True)
class Again:
    """What a run that is made again has of the first one: its id, its folders of cut lines, its split.tsv."""

    run_id: str
    prepared: tuple[str, ...]
    split: str | None


@dataclass(frozen=True)
class RunPlan:
    """One run, decided. `lists` holds the splits that exist, with container image paths.

    `pages` is where the lines come from, when not from line lists; their images are cut when the run starts.
    `more_texts` are for the language model alone.
    With an error among the findings the plan is for showing only.
    """

    run_id: str
    run_dir: Path
    config: LoadedConfig
    job: JobSpec
    lists: dict[str, tuple[LineSample, ...]]
    skipped: tuple[tuple[str, SkippedLine], ...]
    mounts: tuple[Mount, ...]
    findings: tuple[Finding, ...]
    base: ModelFacts | None
    pages: PagesTruth | None = None
    again: Again | None = None
    more_texts: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop the run."""
        return errors(self.findings)

    def on(self, device: DeviceKind) -> "RunPlan":
        """The same run on this device."""
        return replace(self, job=replace(self.job, device=device))


class View(RunView, Protocol):
    """How a fine-tuning is shown, from before it starts; the only thing that this package tells anybody."""

    def progress(self, doing: str, done: int, total: int) -> None:
        """So much of something before the start is done, such as `cutting pages`."""

    def plan(self, plan: RunPlan, setting: Setting) -> None:
        """What will be done, with all findings; before anything is done."""


def make_plan(
    loaded: LoadedConfig,
    *,
    run_id: str,
    device: DeviceKind,
    found: Sequence[Finding] = (),
    on_progress: OnProgress = lambda _doing, _done, _total: None,
) -> RunPlan:
    """Check config, base model, lines and output, and decide what the run does. Writes nothing.

    Args:
        found: what the engine says of where it will run.
        on_progress: told what is being read, how much of it is, and of how much.
    """
    config = loaded.config
    base = check_base_model(config.base_model)
    normalization, normalization_findings = choose_normalization(config, base.facts)
    keys, training = config.data, config.training
    texts = TextOptions(keys.text_equiv, keys.skip_tags, keys.style_marks, normalization, keys.skip_machine_read)
    store = LineStore(config.output, keys.cut, texts)
    is_folded = training.folds != "off"
    truth = collect_ground_truth(keys, training.seed, loaded.path.parent, store, on_progress, is_folded=is_folded)
    more = read_more_texts(config.text.more, texts, truth.splits) if config.text.more else MoreTexts()
    train_lines = len(truth.splits.get(Split.TRAIN, ()))
    output = real_path(config.output)
    homes = home_folders()
    images = ((line.sample.where.rpartition(":")[0], line.image) for line in truth.lines())
    data = choose_data_folders(images, homes, store.lines if truth.pages else None)
    findings = (
        *found,
        *base.findings,
        *truth.findings,
        *normalization_findings,
        *check_normalization(normalization, truth),
        *more.findings,
        *check_characters(config, base.facts, normalization, truth),
        *check_lines(base.facts, normalization, truth),
        *check_transparency(config, base.facts, truth),
        *check_look(config, base.facts, truth),
        *check_epochs(training, train_lines),
        *check_folds(config, train_lines, len(truth.splits.get(Split.VAL, ()))),
        *check_output(config.output, data, base.folder, homes, keys.pages or ()),
        *check_disk(config.output, base.bytes),
    )
    lists = {
        split.value: tuple(replace(line.sample, image=str(data.container_path(line.image))) for line in lines)
        for split, lines in truth.splits.items()
    }
    job = JobSpec(
        contract=CONTRACT,
        run_id=run_id,
        name=config.name,
        vgsl=config.base_model.vgsl if isinstance(config.base_model, VgslModel) else None,
        lists=ListsSpec(
            train=str(LISTS_DIR / "train.txt"),
            val=str(LISTS_DIR / "val.txt"),
            test=str(LISTS_DIR / "test.txt") if Split.TEST in truth.splits else None,
            base_domain=str(LISTS_DIR / "base_domain.txt") if Split.BASE_DOMAIN in truth.splits else None,
        ),
        device=device,
        charset=config.charset,
        normalization=normalization,
        training=training_spec(training, train_lines),
        more_texts=str(MORE_TEXTS_FILE) if more.texts else None,
        folds=_folds(training, lists.get(Split.VAL.value, ())),
    )
    return RunPlan(
        run_id=run_id,
        run_dir=config.output / run_id,
        config=loaded,
        job=job,
        lists=lists,
        skipped=tuple((split.value, line) for split, line in truth.skipped),
        mounts=run_mounts(data, base.folder, output / run_id),
        findings=tuple(sorted(findings, key=lambda finding: list(Severity).index(finding.severity))),
        base=base.facts,
        pages=truth.pages,
        more_texts=more.texts,
    )


def _folds(training: TrainingConfig, samples: Sequence[LineSample]) -> tuple[tuple[str, ...], ...]:
    if not isinstance(training.folds, int) or not samples:
        return ()
    return deal_folds([PurePosixPath(sample.image) for sample in samples], training.folds, training.seed)
