"""A run made again: what is here is held against what it was made of, it runs as a new run, and both are compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.job import DeviceKind, JobSpec, Split
from loghi_contract.records import to_json
from loghi_runner.config.load import LoadedConfig, load_config
from loghi_runner.engines import EngineKind, load_engine
from loghi_runner.engines.base import Engine, Setting, Wish
from loghi_runner.errors import RunnerError, UsageError
from loghi_runner.finetuning.finetune import Checked, start_and_follow
from loghi_runner.finetuning.from_run import Found, find_again, plan_from_run, require_same
from loghi_runner.finetuning.plan import View
from loghi_runner.runs.diff import RunsDiff, Side
from loghi_runner.runs.find import list_runs
from loghi_runner.runs.folder import RunFolder, RunRecord, RunState, new_run_id
from loghi_runner.runs.look import Look, look_at
from loghi_runner.runs.made_of import Effect
from loghi_runner.wording import SPLIT_WORDS, percent

#: So many runs of different seeds must there be, the first one counted, before they have a spread.
_FEWEST_SEEDS = 3


class Outcome(str, Enum):
    """How the second result stands to the first; what each rests on, `Reproduced.sentence` says."""

    EQUAL = "equal"
    WITHIN_SEEDS = "within_seeds"
    NOT_SHOWN = "no_difference_shown"
    DIFFERENT = "different"


@dataclass(frozen=True)
class ToRepeat:
    """A finished run, with all that is here of what it was made of."""

    first: Side
    checked: Checked
    found: Found

    def require_same(self) -> None:
        """Raise the DataError for which it would be another run, if there is any."""
        require_same(self.found, self.first.folder.path)

    @property
    def changed_epochs(self) -> bool:
        """Whether it was resumed to train longer, or shorter, than it began."""
        return len(self.first.progress.plans) > 1

    @property
    def possible(self) -> bool:
        return not self.found.forbids and not self.checked.plan.errors

    @property
    def _changes(self) -> bool:
        return any(each.effect is Effect.CHANGES for each in self.found.differences)

    def sentences(self) -> list[str]:
        """Every difference, and what can be said before anything runs."""
        errors = [finding.message for finding in self.checked.plan.errors]
        told = [*errors, *self.found.faults, *(each.sentence for each in self.found.differences)]
        if not self.possible:
            return [*told, "It cannot be made again here."]
        if self.changed_epochs:
            plans = ", then ".join(map(str, self.first.progress.plans))
            told.append(
                f"The run was resumed with another number of epochs ({plans}). Made again it trains in one go, along "
                "another curve of the learning rate: an equal result is not to be expected."
            )
        return [*told, "It can be made again here." + ("" if told else " Nothing that is known so far differs.")]

    def json(self) -> dict[str, Any]:
        return {
            "kind": "reproduce_check",
            "run": self.first.record.run_id,
            "possible": self.possible,
            "equal_expected": self.possible and not self.changed_epochs and not self._changes,
            "faults": [*(finding.message for finding in self.checked.plan.errors), *self.found.faults],
            "differences": to_json(self.found.differences),
        }


@dataclass(frozen=True)
class Reproduced:
    diff: RunsDiff
    outcome: Outcome
    sentence: str

    def json(self) -> dict[str, Any]:
        first, second = self.diff.sides
        return {
            "kind": "reproduced",
            "outcome": self.outcome.value,
            "sentence": self.sentence,
            "run": first.record.run_id,
            "again": second.record.run_id,
            "run_dir": str(second.folder.path),
            "differences": to_json(self.diff.differences),
        }


def check_to_repeat(folder: RunFolder, *, output: Path | None = None, moved: Sequence[str] = ()) -> ToRepeat:
    """Hold what is here against what the run was made of; writes nothing.

    Args:
        output: where the new run is to go; by default beside the first.
        moved: pairs OLD=NEW of places that are elsewhere now.

    Raises:
        UsageError: the run is not finished, or lacks what says what it did.
        DataError: its base model or its line images are not there.
        RunnerError: its engine cannot be used here.
    """
    look = look_at(folder)
    if look.record.state is not RunState.FINISHED or look.progress.finished is None:
        message = f"only a finished run has a result to compare with: this one is {look.record.state.word}"
        hint = "`loghi-runner finetune` with its config.yaml begins it anew."
        raise UsageError("reproduce.not_finished", message, where=str(folder.path), hint=hint)
    first = Side.of(look)
    loaded = load_config(folder.config_file, look.record.overrides)
    engine, setting = _as_then(loaded, look.record)
    setting.require_usable()
    plan = plan_from_run(
        folder,
        look.record,
        loaded,
        run_id=new_run_id(),
        device=setting.device.kind,
        output=output,
        moved=moved,
    )
    found = find_again(folder, look.record, first.made, plan, setting)
    return ToRepeat(first, Checked(plan, engine, setting), found)


def reproduce(ready: ToRepeat, view: View) -> tuple[RunFolder, RunRecord, Reproduced | None]:
    """Make the run again and compare; None where the new run came to no good end, or goes on without us.

    Raises:
        RunnerError: nothing was started.
    """
    ready.require_same()
    checked = ready.checked
    view.plan(checked.plan, checked.setting)
    checked.require_ready()
    for sentence in ready.sentences()[:-1]:
        view.note(sentence)
    folder, record = start_and_follow(checked, view)
    if record.state is not RunState.FINISHED:
        return folder, record, None
    return folder, record, compare(ready.first, Side.of(Look(folder, record)))


def compare(first: Side, second: Side) -> Reproduced:
    """Whether the second run's result is that of the first, and by what this is known."""
    diff = RunsDiff(first, second)
    if diff.same_weights and diff.same_epochs:
        epochs = len(second.progress.epochs) - 1
        sentence = f"equal, bit for bit: the weights of best_val, and every number of epochs 0 to {epochs}"
        return Reproduced(diff, Outcome.EQUAL, sentence)
    causes = [each.what for each in diff.differences if each.effect is Effect.CHANGES]
    causes += ["resumed with another number of epochs"] if len(first.progress.plans) > 1 else []
    if not causes and first.made.processor is not None:
        sentence = "not equal, although nothing that is known differs: please report this"
        return Reproduced(diff, Outcome.DIFFERENT, f"{sentence}{_lines(diff)}")
    why = f" ({', '.join(causes)})" if causes else " (of the first run's machine not all is known)"
    begun = f"not equal bit for bit{why}"
    spread = _spread_of_seeds(first)
    score = second.cer(_judged_on(first))
    if spread is not None and score is not None:
        inside = spread.low <= score <= spread.high
        words = f"{'within' if inside else 'outside'} what other seeds give: {spread.words(score)}"
        if inside:
            return Reproduced(diff, Outcome.WITHIN_SEEDS, f"{begun}, but {words}{_lines(diff)}")
        return Reproduced(diff, Outcome.DIFFERENT, f"{begun}, and {words}{_lines(diff)}")
    on_lines = diff.same_lines
    outcome = Outcome.DIFFERENT if on_lines is None or on_lines.differs else Outcome.NOT_SHOWN
    unknown = "; how far runs of other seeds lie apart is not known, as there are none of them beside it"
    return Reproduced(diff, outcome, f"{begun}{_lines(diff)}{unknown}")


@dataclass(frozen=True)
class _Spread:
    """CERs of runs that differ in their seed alone."""

    split: Split
    by_seed: dict[int, float]

    @property
    def low(self) -> float:
        return min(self.by_seed.values())

    @property
    def high(self) -> float:
        return max(self.by_seed.values())

    def words(self, score: float) -> str:
        seeds = ", ".join(map(str, sorted(self.by_seed)))
        return (
            f"CER on the {SPLIT_WORDS[self.split]} lines {percent(score)}, "
            f"with the seeds {seeds} {percent(self.low)} to {percent(self.high)}"
        )


def _as_then(loaded: LoadedConfig, record: RunRecord) -> tuple[Engine, Setting]:
    """The engine and the image of then where they are here; what it computes on as the config wishes."""
    engine = load_engine(record.engine)
    wish = loaded.config.engine.model_copy(update={"kind": EngineKind(record.engine)})
    if record.device == DeviceKind.CPU.value:
        wish = wish.model_copy(update={"gpus": "none"})
    if record.image is None:
        return engine, engine.settle(_checked(wish))
    setting = engine.settle(_checked(wish.model_copy(update={"image": record.image})))
    if setting.image is None or setting.image.digest != record.image_digest:
        # another was built under its name since; the old one is often still there
        by_digest = engine.settle(_checked(wish.model_copy(update={"image": record.image_digest})))
        if by_digest.engine_error is None:
            return engine, by_digest
    return engine, setting


def _checked(wish: Wish) -> Wish:
    """`model_copy` looks at nothing."""
    return type(wish).model_validate(wish.model_dump(mode="json"))


def _lines(diff: RunsDiff) -> str:
    return f"; {diff.same_lines.sentence}" if diff.same_lines is not None else ""


def _judged_on(side: Side) -> Split:
    return Split.TEST if side.cer(Split.TEST) is not None else Split.VAL


def _spread_of_seeds(first: Side) -> _Spread | None:
    """Of finished runs in the same output folder that did the same with another seed; None where they are too few."""
    split = _judged_on(first)
    own = first.cer(split)
    if first.job is None or own is None:
        return None
    by_seed = {first.job.training.seed: own}
    for side in _same_but_for_seed(first, first.job):
        if side.job is not None and (score := side.cer(split)) is not None:
            by_seed.setdefault(side.job.training.seed, score)
    return _Spread(split, by_seed) if len(by_seed) >= _FEWEST_SEEDS else None


def _same_but_for_seed(first: Side, job: JobSpec) -> Iterator[Side]:
    for folder in list_runs(first.folder.path.parent):
        other = folder.read_job()
        if other is None or _without_seed(other) != _without_seed(job) or other.training.seed == job.training.seed:
            continue
        try:
            side = Side.of(look_at(folder))
        except RunnerError:
            continue  # its record is damaged: it cannot be relied on
        made = (side.record.base_model_sha256, side.record.data_sha256)
        if side.record.state is RunState.FINISHED and made == (
            first.record.base_model_sha256,
            first.record.data_sha256,
        ):
            yield side


def _without_seed(job: JobSpec) -> JobSpec:
    training = replace(job.training, seed=0)
    return replace(job, run_id="", name="", resume=False, memory_kills=0, device=DeviceKind.CPU, training=training)
