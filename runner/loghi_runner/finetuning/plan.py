"""What a run will do, decided before anything is written: job, lists, mounts and findings; and what is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol

from loghi_contract import CONTRACT
from loghi_contract.cut import Cut
from loghi_contract.job import DeviceKind, JobSpec, Split
from loghi_contract.lines import LineSample, SkippedLine
from loghi_contract.model_folder import ModelFacts
from loghi_contract.places import MORE_TEXTS_FILE
from loghi_runner.aliases import OnProgress
from loghi_runner.config.choices import UnreadUse
from loghi_runner.config.load import LoadedConfig
from loghi_runner.config.schema import TrainingConfig, VgslModel
from loghi_runner.engines.base import Mount, Setting
from loghi_runner.engines.mounts import choose_data_folders, home_folders, run_mounts
from loghi_runner.files import real_path
from loghi_runner.findings import Finding, Severity, errors
from loghi_runner.finetuning.check_output import check_disk, check_output
from loghi_runner.finetuning.schedule import check_epochs, check_folds, self_training_spec, training_spec
from loghi_runner.finetuning.ways import in_every_way, lists_of, plan_ways
from loghi_runner.ground_truth.check_charset import check_characters, check_normalization, choose_normalization
from loghi_runner.ground_truth.check_cut import check_cut
from loghi_runner.ground_truth.check_lines import check_lines, check_look, check_transparency
from loghi_runner.ground_truth.collect import PagesTruth, collect_ground_truth
from loghi_runner.ground_truth.line_store import LineStore
from loghi_runner.ground_truth.more_texts import MoreTexts, read_more_texts
from loghi_runner.ground_truth.old_hand import check_old_hand
from loghi_runner.ground_truth.split import deal_folds
from loghi_runner.ground_truth.survey import SurveyedPage
from loghi_runner.ground_truth.unread import UnreadLines, read_unread
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
    """One run, decided. `lists` holds the splits that exist, with container image paths; those of another cut that is
    tried are called `<cut>/<split>`.

    `pages` is where the lines come from, when not from line lists; their images are cut when the run starts.
    `old_pages` are where lines of the old hand come from, likewise. `more_texts` are for the language model alone.
    `unread` is where the unread lines among the lists come from.
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
    old_pages: PagesTruth | None = None
    unread: UnreadLines = field(default_factory=UnreadLines)

    @property
    def sources(self) -> list[tuple[LineStore, Sequence[SurveyedPage]]]:
        """Pages out of which lines are cut when the run starts, and where their images go."""
        truths = [pages for pages in (self.pages, self.old_pages) if pages is not None]
        tried = [way for truth in truths for way in in_every_way(truth, self.job.trials)]
        stores = [(way.store, [page for page in way.survey.pages if page.lines]) for way in tried]
        unread = in_every_way(self.unread, self.job.trials)
        return [*stores, *((way.store, way.pages) for way in unread if way.store is not None and way.pages)]

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
    store = LineStore(config.output, keys.cut.cut or Cut.LOGHI, texts)
    is_folded = training.folds != "off"
    truth = collect_ground_truth(keys, training.seed, loaded.path.parent, store, on_progress, is_folded=is_folded)
    more = read_more_texts(config.text.more, texts, truth.splits) if config.text.more else MoreTexts()
    train_lines = len(truth.splits.get(Split.TRAIN, ()))
    on_page = partial(on_progress, "reading pages without a text")
    # folds refuse them: see `check_folds`
    named = UnreadUse.OFF if is_folded else training.unread
    unread = read_unread(named, truth, store, loaded.path.parent, on_page)
    ways = plan_ways(keys, truth, unread)
    output = real_path(config.output)
    homes = home_folders()
    every = (*truth.lines(), *unread.lines)
    images = ((line.sample.where.rpartition(":")[0], line.image) for line in every)
    are_cut = truth.pages or truth.old_pages or unread.pages
    data = choose_data_folders(images, homes, store.lines if are_cut else None)
    lists = truth.splits | ({Split.UNREAD: unread.lines} if unread.lines else {})
    findings = (
        *found,
        *base.findings,
        *truth.findings,
        *normalization_findings,
        *check_normalization(normalization, truth),
        *more.findings,
        *unread.findings,
        *check_characters(config, base.facts, normalization, truth),
        *check_lines(base.facts, normalization, truth, straighten=keys.straighten is not False),
        *check_transparency(config, base.facts, truth),
        *check_look(config, base.facts, truth),
        *check_epochs(training, train_lines),
        *check_folds(config, train_lines, len(truth.splits.get(Split.VAL, ()))),
        *check_old_hand(truth.splits, from_scratch=isinstance(config.base_model, VgslModel)),
        *ways.findings,
        *check_cut(keys, base.facts, normalization, truth),
        *check_output(config.output, data, base.folder, homes, keys.pages or ()),
        *check_disk(config.output, base.bytes),
    )
    every_list = [(split.value, found) for split, found in lists.items()] + [*ways.lines.items()]
    samples = {
        name: tuple(replace(line.sample, image=str(data.container_path(line.image))) for line in lines)
        for name, lines in every_list
    }
    spec = training_spec(training, train_lines)
    job = JobSpec(
        contract=CONTRACT,
        run_id=run_id,
        name=config.name,
        vgsl=config.base_model.vgsl if isinstance(config.base_model, VgslModel) else None,
        lists=lists_of(truth),
        device=device,
        charset=config.charset,
        normalization=normalization,
        training=spec,
        more_texts=str(MORE_TEXTS_FILE) if more.texts else None,
        old_hand=Split.OLD_HAND in truth.splits,
        self_training=self_training_spec(spec, train_lines, len(unread.lines)),
        cut=ways.cut,
        straighten=ways.straighten,
        trials=ways.trials,
        folds=_folds(training, samples.get(Split.VAL.value, ())),
    )
    return RunPlan(
        run_id=run_id,
        run_dir=config.output / run_id,
        config=loaded,
        job=job,
        lists=samples,
        skipped=(
            *((split.value, line) for split, line in truth.skipped),
            *((Split.UNREAD.value, line) for line in unread.skipped),
        ),
        mounts=run_mounts(data, base.folder, output / run_id),
        findings=tuple(sorted(findings, key=lambda finding: list(Severity).index(finding.severity))),
        base=base.facts,
        pages=truth.pages,
        more_texts=more.texts,
        old_pages=truth.old_pages,
        unread=unread,
    )


def _folds(training: TrainingConfig, samples: Sequence[LineSample]) -> tuple[tuple[str, ...], ...]:
    if not isinstance(training.folds, int) or not samples:
        return ()
    return deal_folds([PurePosixPath(sample.image) for sample in samples], training.folds, training.seed)
