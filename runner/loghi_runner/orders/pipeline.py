"""An order carried out, stage after stage: pull, check or train, read or evaluate, push.

`loghi-runner platform finetune` does it for a person at a terminal, the process of an order for whoever asked the
service. They differ in what is asked for (`Asked`) and in who is told (`Follower`).
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

from loghi_runner.compare.model_results import ModelResults
from loghi_runner.compare.score_models import ScoreOptions, score_models
from loghi_runner.errors import EngineError, RunnerError, UsageError
from loghi_runner.finetuning.finetune import Checked, check_run, finetune
from loghi_runner.finetuning.go_on import go_on_after_death
from loghi_runner.finetuning.plan import View
from loghi_runner.orders.orders import Stage
from loghi_runner.orders.platform_progress import PlatformProgress
from loghi_runner.platform.base import Platform, Pulled, Pushed, Source
from loghi_runner.recognition.line_reader import ReaderOptions
from loghi_runner.recognition.recognize import RecognizeOptions, recognize
from loghi_runner.recognition.recognized import Recognized, was_guided
from loghi_runner.runs.folder import RunFolder, RunRecord, RunState
from loghi_runner.runs.look import Look, look_at, silent_s, stop_run
from loghi_runner.runs.signals import StopWishes
from loghi_runner.wording import epoch_line, fold_place

#: Whoever cannot be reached for so long is given up: no order waits for ever.
OUT_OF_REACH_S = 3600.0
#: After that a trainer that was asked to end is ended at once.
STOP_GRACE_S = 120.0

_LOOK_EVERY_S = 2.0


@dataclass(frozen=True)
class Reading:
    """Pages to be read by a model into a new folder."""

    model: Path
    pages: Path
    out: Path
    options: RecognizeOptions


@dataclass(frozen=True)
class Scoring:
    model: Path
    pages: Path
    options: ScoreOptions


@dataclass(frozen=True)
class Writing:
    """Readings of pulled pages for a new layer; nothing else on the platform has its name."""

    pages: Path
    recognized: Path
    layer_name: str
    comment: str


Answer: TypeAlias = Pulled | Checked | RunRecord | Recognized | ModelResults | Pushed


class Asked:
    """What is asked for. Each part is looked up when its stage begins; every method may raise RunnerError."""

    def platform(self) -> Platform:
        raise _not_asked()

    def pulls(self) -> Sequence[tuple[Source, Path]]:
        """What is to be pulled, and into which folders."""
        raise _not_asked()

    def training(self) -> tuple[Path, Sequence[str]]:
        """The config of the run, and what overrides it."""
        raise _not_asked()

    def reading(self, run: RunFolder | None) -> Reading:
        """`run` is the one that the order has become, if it trains."""
        raise _not_asked()

    def scoring(self) -> Scoring:
        raise _not_asked()

    def writing(self, run: RunFolder | None) -> Writing:
        raise _not_asked()


class Follower(View, Protocol):
    """Who sees how an order goes on; its run, too."""

    def begin_stage(self, stage: Stage) -> None: ...

    def answered(self, answer: Answer) -> None:
        """What has come of a stage, or of a part of it."""

    def is_cancelled(self) -> bool:
        """Whether somebody has asked to end the order."""


class Pipeline:
    """Carries one order out; `stage` is the one under way. A run that is there is followed and never started twice."""

    def __init__(self, asked: Asked, follower: Follower, told: PlatformProgress, run: RunFolder | None = None) -> None:
        self._asked = asked
        self._follower = follower
        self._told = told
        self.stage = Stage.QUEUED
        self.run = run
        self.record: RunRecord | None = None

    def carry_out(self, stages: Sequence[Stage]) -> Stage:
        """Carry the stages out: all of an order, or those that are left of it.

        Returns:
            How it ended: finished, failed or cancelled; `TRAINING` where the terminal was closed and the run goes on.

        Raises:
            RunnerError: the stage under way cannot be done.
        """
        do: dict[Stage, Callable[[], None]] = {
            Stage.PULLING: self._pull,
            Stage.CHECKING: self._check,
            Stage.TRAINING: self._train,
            Stage.RECOGNIZING: self._read,
            Stage.EVALUATING: self._evaluate,
            Stage.PUSHING: self._push,
        }
        for stage in stages:
            is_running = stage is Stage.TRAINING and self.run is not None
            if self._follower.is_cancelled() and not is_running:
                return Stage.CANCELLED
            self.stage = stage
            self._follower.begin_stage(stage)
            self._told.say(stage.value)
            do[stage]()
            if stage is Stage.TRAINING and (end := self._end_by_run()) is not None:
                return end
        return Stage.FINISHED

    @property
    def has_unfollowed_run(self) -> bool:
        """Whether the order came with a run whose end is not known yet: it must not be left alone."""
        return self.run is not None and self.record is None and self.stage in (Stage.QUEUED, Stage.TRAINING)

    def _pull(self) -> None:
        platform = self._asked.platform()
        for source, folder in self._asked.pulls():
            self._follower.answered(platform.pull(source, folder, self._progress))

    def _check(self) -> None:
        config, overrides = self._asked.training()
        self._follower.answered(check_run(config, overrides, self._follower))

    def _train(self) -> None:
        if self.run is not None and _never_started(self.run):
            # ended from outside between the two: there is nothing in it, and nothing to follow
            shutil.rmtree(self.run.path, ignore_errors=True)
            self.run = None
            if self._follower.is_cancelled():
                raise KeyboardInterrupt
        if self.run is None:
            config, overrides = self._asked.training()
            self.run, self.record = finetune(config, overrides, self._follower)
        else:
            self.record = self._followed(self.run)
            if not self._follower.is_cancelled():
                self.record = go_on_after_death(self.run, self.record, self._follower)
        self._follower.answered(self.record)

    def _read(self) -> None:
        asked = self._asked.reading(self.run)
        options = replace(asked.options, reader=self._telling(asked.options.reader))
        read = recognize(str(asked.model), asked.pages, asked.out, options, self._progress, self._follower.note)
        self._follower.answered(read)

    def _evaluate(self) -> None:
        asked = self._asked.scoring()
        models, data = [str(asked.model)], [str(asked.pages)]
        options = replace(asked.options, reader=self._telling(asked.options.reader))
        self._follower.answered(score_models(models, data, options, self._progress, self._follower.note))

    def _push(self) -> None:
        platform, asked = self._asked.platform(), self._asked.writing(self.run)
        helped = ". A language model of its training texts helped" if was_guided(asked.recognized) else ""
        comment = asked.comment + helped
        pushed = platform.push(asked.pages, asked.recognized, asked.layer_name, comment, self._progress)
        self._follower.answered(pushed)

    def _telling(self, reader: ReaderOptions) -> ReaderOptions:
        return replace(reader, queued=self._follower.queued)

    def _progress(self, doing: str, done: int, total: int) -> None:
        self._follower.progress(doing, done, total)
        self._told.show(lambda: f"{self.stage.value}: {doing}: {done} of {total}")

    def _end_by_run(self) -> Stage | None:
        """How the run has ended the order; None where it goes on."""
        state = self.record.state if self.record is not None else RunState.FAILED
        if not state.is_over:
            return Stage.TRAINING
        if state is RunState.CANCELLED or (state is RunState.FINISHED and self._follower.is_cancelled()):
            return Stage.CANCELLED
        return None if state is RunState.FINISHED else Stage.FAILED

    def _followed(self, run: RunFolder) -> RunRecord:
        """The record of a run whose `finetune` is gone, once it is over."""
        remark = None
        with StopWishes() as wishes:
            while not (look := look_at(run)).record.state.is_over:
                if look.remark is not None and look.remark != remark:
                    self._follower.note(remark := look.remark)
                if look.remark is not None and silent_s(run) > OUT_OF_REACH_S:
                    raise EngineError("order.out_of_reach", look.remark)
                if wishes.stops or self._follower.is_cancelled():
                    self._stop(run)
                self._told.show(partial(_standing, look))
                time.sleep(_LOOK_EVERY_S)
        return look.record

    def _stop(self, run: RunFolder) -> None:
        try:
            stop_run(run, grace_s=STOP_GRACE_S)
        except RunnerError as error:
            # over by now, or out of reach: the next look says which
            self._follower.note(error.message)


def _not_asked() -> UsageError:
    return UsageError("order.stage", "that is no part of what was asked for")


def _never_started(run: RunFolder) -> bool:
    error = look_at(run).record.error
    return error is not None and error.code == "run.never_started"


def _standing(look: Look) -> str:
    progress = look.progress
    if progress.phase == "folds" and progress.folds:
        return fold_place(progress.folds[-1])
    return epoch_line(progress.epochs[-1], progress.remaining_s) if progress.epochs else progress.phase or "training"
