"""A job of a trainer that leaves only its answer: a reading, an evaluation, a probe. Its folder goes away with it."""

import contextlib
from collections.abc import Callable

from loghi_contract.events import Event, Step
from loghi_contract.exit_codes import ExitCode
from loghi_runner.engines.base import Engine, Launch
from loghi_runner.engines.card_queue import Waiting
from loghi_runner.errors import ERROR_CLASSES, EngineError, RunnerError
from loghi_runner.runs.folder import RunFolder, RunRecord, RunState
from loghi_runner.runs.look import is_out_of_memory
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.run_trainer import run_trainer
from loghi_runner.runs.signals import StopWishes, Terminated
from loghi_runner.runs.watch import Watch


class OutOfMemory(EngineError):
    """The engine knows that the job was ended because it took more memory than it may."""


def run_short(
    engine: Engine,
    launch: Launch,
    record: RunRecord,
    note: Callable[[str], None],
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
    queued: Callable[[Waiting], None] | None = None,
) -> Progress:
    """Run a job that leaves only its answer, in the out folder of a folder that goes away: it ends when we do.

    Args:
        on_step: told how much is done, and of how much.
        queued: told how it waits for a graphics card; without it that is a note.

    Raises:
        OutOfMemory: it needs less of it at once, or may take more.
        RunnerError: it failed, with the trainer's own words where it left any.
        KeyboardInterrupt: it was stopped as the user asked.
        Terminated: the system asked for its end, or closed its terminal.
    """
    folder = RunFolder(launch.run_dir)
    try:
        with StopWishes() as wishes:
            view = _ShortView(note, on_step, queued or (lambda waiting: note(waiting.sentence())))
            record, progress = run_trainer(engine, launch, record, view, wishes, goes_on_alone=False)
            out_of_memory = is_out_of_memory(record)
    finally:
        _leave_nothing(engine, folder)
    if record.state is RunState.FINISHED:
        return progress
    if not record.state.is_over or wishes.terminated:
        raise Terminated
    if wishes.stops or record.error is None:
        raise KeyboardInterrupt
    failure = record.error
    kind = OutOfMemory if out_of_memory else ERROR_CLASSES.get(ExitCode(failure.exit_code), ERROR_CLASSES[ExitCode.BUG])
    raise kind(failure.code, failure.message, where=failure.where, hint=failure.hint)


class _ShortView:
    def __init__(
        self, note: Callable[[str], None], on_step: Callable[[int, int], None], queued: Callable[[Waiting], None]
    ) -> None:
        self._note = note
        self._on_step = on_step
        self._queued = queued

    def begin(self, folder: RunFolder, progress: Progress) -> None:
        pass

    def event(self, line: bytes, event: Event) -> None:
        if isinstance(event.payload, Step):
            self._on_step(event.payload.step, event.payload.steps)

    def queued(self, waiting: Waiting) -> None:
        self._queued(waiting)

    def note(self, sentence: str) -> None:
        self._note(sentence)

    def end(self) -> None:
        pass

    def abandon(self) -> None:
        pass


def _leave_nothing(engine: Engine, folder: RunFolder) -> None:
    """End the trainer of a short job if it still runs, as nobody can come back to it, and remove what was kept."""
    # what cannot be reached now cannot be removed either, and is not why the job has no answer
    with contextlib.suppress(RunnerError, OSError):
        record = folder.read()
        if record.handle is None:
            return
        if not record.state.is_over:
            watch = Watch(engine, record.handle, StopWishes(), lambda _sentence: None)
            watch.kill()
            watch.wait_for_end()
        engine.clean_up(record.handle, folder.console_log, keep=False)
