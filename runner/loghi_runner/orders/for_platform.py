"""`loghi-runner platform finetune|push`: the pipeline as a config asks for it, for a person at a terminal."""

import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_contract.events import Event
from loghi_runner.config.choices import WriteBack
from loghi_runner.config.load import LoadedConfig, load_config
from loghi_runner.config.schema import PlatformConfig, pulled_folder
from loghi_runner.engines.base import Setting
from loghi_runner.engines.card_queue import Waiting
from loghi_runner.errors import PlatformError, RunnerError, UsageError
from loghi_runner.files import is_file, is_folder
from loghi_runner.finetuning.plan import RunPlan, View
from loghi_runner.orders.orders import Stage
from loghi_runner.orders.pipeline import Answer, Asked, Pipeline, Reading, Writing
from loghi_runner.orders.platform_progress import PlatformProgress
from loghi_runner.platform import of_run
from loghi_runner.platform.base import Outcome, Platform, Pulled, Pushed, Report, Source
from loghi_runner.recognition.line_reader import ReaderOptions
from loghi_runner.recognition.recognize import RecognizeOptions
from loghi_runner.recognition.recognized import RECORD_FILE
from loghi_runner.runs.folder import RunFolder, RunRecord, require_ours
from loghi_runner.runs.look import stop_run
from loghi_runner.runs.progress import Progress

#: What follows a training; it can be done later, too.
_GIVING_BACK = (Stage.RECOGNIZING, Stage.PUSHING)
_GRACE_S = 60.0


@dataclass(frozen=True)
class CarriedOut:
    """How a platform's run ended. `parked` is why its readings are not on the platform yet, though they should be."""

    folder: RunFolder
    record: RunRecord
    pushed: Pushed | None = None
    parked: RunnerError | None = None


def finetune_for_platform(
    config_path: Path, overrides: Sequence[str], view: View, told_pulled: Callable[[Pulled], None]
) -> CarriedOut:
    """Do all of it. A platform that fails after the training ends nothing: the readings wait to be pushed.

    Args:
        told_pulled: called once the pages are there, before anything is learnt from them.

    Raises:
        RunnerError: nothing was started.
    """
    loaded = load_config(config_path, overrides)
    config = of_run.platform_of(loaded)
    options = ReaderOptions(loaded.config.engine, language_model=config.language_model)
    asked = _ByConfig(of_run.connect(config, view.note), options, loaded, config)
    follower = _Terminal(view, asked, told_pulled)
    pipeline = Pipeline(asked, follower, follower.told)
    stages = (Stage.PULLING, Stage.TRAINING)
    parked = None
    try:
        end = pipeline.carry_out(stages if config.write_back is WriteBack.NONE else (*stages, *_GIVING_BACK))
    except BaseException as error:
        if not isinstance(error, RunnerError) or pipeline.stage not in _GIVING_BACK:
            follower.told.end(Outcome.FAILED, str(error) or "ended before it began")
            raise
        # the run is no worse for it
        end, parked = Stage.FAILED, error
    if pipeline.run is None or pipeline.record is None:
        follower.told.end(Outcome.CANCELLED, "ended before it began")
        raise PlatformError("platform.cancelled", "it was stopped on the platform; nothing was started")
    done = CarriedOut(pipeline.run, pipeline.record, follower.pushed, parked)
    if end.is_over:
        follower.told.end(Outcome(end.value), _last_word(done, end))
    return done


def push_run(folder: RunFolder, options: ReaderOptions, view: View) -> Pushed:
    """Write a finished run's readings to its platform, now; reads the pages first where that is still to be done.

    Raises:
        RunnerError: it cannot be done (yet), or the run is another account's.
    """
    # whose it is says where the token goes: its own file names the address
    require_ours(folder, "push")
    asked = _ByRun(of_run.connect(of_run.read_parked(folder).config(), view.note), options)
    follower = _Terminal(view, None, run=folder)
    is_read = is_file(folder.path / of_run.RECOGNIZED / RECORD_FILE)
    Pipeline(asked, follower, follower.told, folder).carry_out(_GIVING_BACK[1:] if is_read else _GIVING_BACK)
    assert follower.pushed is not None  # noqa: S101  # else it would have raised
    return follower.pushed


@dataclass(frozen=True)
class _ByRun(Asked):
    """What a run owes its platform, as its folder says."""

    connected: Platform
    options: ReaderOptions

    def platform(self) -> Platform:
        return self.connected

    def reading(self, run: RunFolder | None) -> Reading:
        run, parked = _parked_in(run)
        pages = Path(parked.pages)
        if not is_folder(pages):
            raise UsageError(
                "platform.pages_gone",
                f"the pages that the model is to read are gone: {pages}",
                hint="Pull them again: `loghi-runner platform pull CONFIG`.",
            )
        options = RecognizeOptions(self.options, Cut(parked.cut) if parked.cut else None)
        return Reading(run.best_val, pages, run.path / of_run.RECOGNIZED, options)

    def writing(self, run: RunFolder | None) -> Writing:
        run, parked = _parked_in(run)
        record = run.read()
        return Writing(
            Path(parked.pages), run.path / of_run.RECOGNIZED, of_run.layer_name(record), of_run.layer_comment(record)
        )


@dataclass(frozen=True)
class _ByConfig(_ByRun):
    """What a config with a section `platform` asks for."""

    loaded: LoadedConfig
    config: PlatformConfig

    def pulls(self) -> Sequence[tuple[Source, Path]]:
        learnt = of_run.source_of(self.config, self.connected)
        pulls = [(learnt, pulled_folder(self.loaded.config.output, self.config))]
        if self.config.write_back not in (WriteBack.NONE, WriteBack.PULLED):
            chosen = None if isinstance(self.config.write_back, WriteBack) else self.config.write_back
            pulls.append((Source(learnt.document, learnt.layer, chosen), self.pages_to_read))
        return pulls

    def training(self) -> tuple[Path, Sequence[str]]:
        return self.loaded.path, self.loaded.overrides

    def report(self) -> Report:
        return self.connected.report(self.config.document, f"Fine-tune with Loghi: {self.loaded.config.name}")

    @property
    def pages_to_read(self) -> Path:
        """Those learnt from lie where they are; others get a folder beside them, so that no run learns from them."""
        learnt = pulled_folder(self.loaded.config.output, self.config)
        are_learnt = self.config.write_back in (WriteBack.NONE, WriteBack.PULLED)
        return learnt if are_learnt else learnt.with_name(f"{learnt.name}-read")

    def park(self, folder: RunFolder) -> None:
        config = self.config
        if config.write_back is WriteBack.NONE:
            return
        token_file = None if config.token_file is None else str(config.token_file)
        decided = self.loaded.config.data.cut.cut
        cut = decided.value if decided else None
        pages = str(self.pages_to_read)
        of_run.write_parked(
            folder, of_run.Parked(config.kind, config.url, config.document, pages, config.parallel, cut, token_file)
        )


class _Terminal:
    """Passes everything on to a run's view, and what matters there to the platform."""

    def __init__(
        self,
        view: View,
        asked: _ByConfig | None,
        told_pulled: Callable[[Pulled], None] = lambda _pulled: None,
        run: RunFolder | None = None,
    ) -> None:
        self._view = view
        self._asked = asked
        self._told_pulled = told_pulled
        self._pulled = False
        self._run = run
        self._is_waiting = False
        self.pushed: Pushed | None = None
        self.told = PlatformProgress(None if asked is None else asked.report, self._cancel)

    def begin_stage(self, stage: Stage) -> None:
        pass

    def answered(self, answer: Answer) -> None:
        if isinstance(answer, Pushed):
            self.pushed = answer
            if self._run is not None:
                of_run.is_written(self._run, of_run.read_parked(self._run), answer)
        elif isinstance(answer, Pulled) and not self._pulled:
            # those to learn from; others may follow
            self._pulled = True
            self._told_pulled(answer)

    def is_cancelled(self) -> bool:
        return self.told.was_cancelled

    def progress(self, doing: str, done: int, total: int) -> None:
        self._view.progress(doing, done, total)

    def plan(self, plan: RunPlan, setting: Setting) -> None:
        self._view.plan(plan, setting)

    def begin(self, folder: RunFolder, progress: Progress) -> None:
        self._run, self._is_waiting = folder, False
        self._view.begin(folder, progress)
        if self._asked is not None:
            try:
                self._asked.park(folder)
            except RunnerError as error:
                # the trainer is at work: that must not be left alone for this
                self._view.note(error.message)

    def event(self, line: bytes, event: Event) -> None:
        self.told.say_event(event)
        self._view.event(line, event)

    def queued(self, waiting: Waiting) -> None:
        self._is_waiting = True
        self.told.say(waiting.sentence())
        self._view.queued(waiting)

    def note(self, sentence: str) -> None:
        self._view.note(sentence)

    def end(self) -> None:
        self._view.end()

    def abandon(self) -> None:
        self._view.abandon()

    def _cancel(self) -> None:
        if self._is_waiting:
            os.kill(os.getpid(), signal.SIGINT)  # as somebody at the terminal would
            return
        self._view.note("stopped on the platform; the best model so far is kept")
        if self._run is not None:
            with contextlib.suppress(RunnerError):
                # over already: then what would follow does not begin
                stop_run(self._run, grace_s=_GRACE_S)


def _last_word(done: CarriedOut, end: Stage) -> str:
    if done.parked is not None:
        return f"the model is there; its readings could not be written: {done.parked.message}"
    if end is Stage.FINISHED:
        verdict = done.record.verdict or "finished"
        return verdict if done.pushed is None else f"{verdict}; read into {done.pushed.layer.name}"
    return done.record.error.message if done.record.error else "ended; the best model so far is kept"


def _parked_in(run: RunFolder | None) -> tuple[RunFolder, of_run.Parked]:
    if run is None:
        raise UsageError("order.stage", "there is no run yet whose model could read")
    return run, of_run.read_parked(run)
