"""One run of a trainer, whatever it is for: started, followed, ended as the user wishes, concluded and reported."""

import contextlib
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from loghi_contract import CONTRACT, __version__
from loghi_contract.events import Event, Started, Step
from loghi_contract.exit_codes import ExitCode
from loghi_contract.job import DeviceKind
from loghi_runner.clock import utc_now
from loghi_runner.engines.base import Engine, Handle, Launch, ProcessEnd, Setting, Signal
from loghi_runner.engines.image import BASE_DIGEST_LABEL
from loghi_runner.engines.nvml import energy_j
from loghi_runner.engines.processes import machine_name, name_process
from loghi_runner.errors import ERROR_CLASSES, EngineError, RunnerError
from loghi_runner.runs.conclude import Stops, finish_run, keep_record
from loghi_runner.runs.folder import Host, RunFailure, RunFolder, RunRecord, RunState, cannot_write_run, used_cards
from loghi_runner.runs.progress import EventReader, Progress, follow
from loghi_runner.runs.signals import Detached, StopWishes, Terminated

_PAUSE_S = 0.1
#: After its last event the trainer only closes files; what takes longer hangs.
_LAST_EVENT_GRACE_S = 60.0


class RunView(Protocol):
    """Who is told of a run while it is followed."""

    def begin(self, folder: RunFolder, progress: Progress) -> None:
        """The trainer was started."""

    def event(self, line: bytes, event: Event) -> None:
        """One event, already added to the progress."""

    def note(self, sentence: str) -> None:
        """Something the host did meanwhile."""

    def end(self) -> None:
        """Nothing more will come; may be called after `abandon`."""

    def abandon(self) -> None:
        """The terminal is gone: write nothing to it any more."""


def new_record(run_id: str, name: str, engine: Engine, setting: Setting) -> RunRecord:
    """The record of a run that this process is about to start, with what is known of every run."""
    image, device = setting.image, setting.device
    return RunRecord(
        run_id=run_id,
        name=name,
        state=RunState.PREPARED,
        created=utc_now(),
        versions={"loghi-runner": __version__, "contract": str(CONTRACT), "python": platform.python_version()},
        engine=engine.name,
        device=device.kind.value,
        gpus=device.uuids,
        cards=used_cards(device),
        driver=device.driver,
        config_sha256="",
        image=image.name if image else None,
        image_digest=image.digest if image else None,
        base_image_digest=(image.labels.get(BASE_DIGEST_LABEL) or None) if image else None,
        host=Host(machine_name(), name_process(os.getpid())),
    )


def run_trainer(
    engine: Engine, launch: Launch, record: RunRecord, view: RunView, wishes: StopWishes
) -> tuple[RunRecord, Progress]:
    """Start the trainer in the folder that is laid out for it, and see it to its end.

    Returns:
        The record as it is on disk then, and what the events told. Its state is `running` when the terminal was
        closed: the trainer goes on without us.

    Raises:
        RunnerError: it was not started; or it was, and cannot be seen any more.
    """
    folder = RunFolder(launch.run_dir)
    progress, reader = _so_far(folder, record)
    try:
        handle = engine.start(launch, folder.console_log)
    except RunnerError as error:
        keep_record(folder, record.with_failure(RunFailure.of(error)), view.note)
        raise
    record = replace(record, state=RunState.RUNNING, handle=handle)
    watch = Watch(engine, handle, wishes, view.note)
    try:
        folder.write(record)
    except OSError as error:
        # nobody could find, follow or stop this trainer
        watch.kill()
        watch.wait_for_end()
        with contextlib.suppress(RunnerError, OSError):
            engine.clean_up(handle, folder.console_log, keep=False)
        raise cannot_write_run(error, folder.record_file) from error
    taken_before = energy_j(launch.gpus) if launch.gpus else None
    try:
        view.begin(folder, progress)
        refused = _follow(reader, launch.device, progress, watch, view)
        end = watch.wait_for_end()
    except Detached:
        view.abandon()
        return record, progress
    finally:
        view.end()
    record = replace(record, energy_j=_taken_since(taken_before, launch.gpus))
    record = finish_run(
        folder, record, progress, handle, end, engine, stops=watch.stops, refused=refused, note=view.note
    )
    return record, progress


def run_short(
    engine: Engine,
    launch: Launch,
    record: RunRecord,
    note: Callable[[str], None],
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Progress:
    """Run a job that leaves only its answer, in the out folder of a folder that goes away: it ends when we do.

    Args:
        on_step: told how much is done, and of how much.

    Raises:
        RunnerError: it failed, with the trainer's own words where it left any.
        KeyboardInterrupt: it was stopped as the user asked.
        Terminated: the system asked for its end, or closed its terminal.
    """
    folder = RunFolder(launch.run_dir)
    try:
        with StopWishes() as wishes:
            record, progress = run_trainer(engine, launch, record, _ShortView(note, on_step), wishes)
    finally:
        _leave_nothing(engine, folder)
    if record.state is RunState.FINISHED:
        return progress
    if not record.state.is_over or wishes.terminated:
        raise Terminated
    if wishes.stops or record.error is None:
        raise KeyboardInterrupt
    failure = record.error
    kind = ERROR_CLASSES.get(ExitCode(failure.exit_code), ERROR_CLASSES[ExitCode.BUG])
    raise kind(failure.code, failure.message, where=failure.where, hint=failure.hint)


class Watch:
    """One started trainer. `stops` tells what was done to it."""

    def __init__(
        self,
        engine: Engine,
        handle: Handle,
        wishes: StopWishes,
        note: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._engine = engine
        self._handle = handle
        self._wishes = wishes
        self._note = note
        self._clock = clock
        self._sleep = sleep
        self._end: ProcessEnd | None = None
        self.stops = Stops()

    def has_ended(self) -> bool:
        """Whether the process is gone.

        Raises:
            EngineError: the engine does not answer; the run may go on all the same.
        """
        if self._end is None:
            self._end = self._engine.poll(self._handle)
        return self._end is not None

    def pause(self) -> None:
        """Wait a little. Raises Detached."""
        self.pass_on_wishes()
        self._sleep(_PAUSE_S)

    def pass_on_wishes(self) -> None:
        """Ask the trainer to end, or end it, when the user wants so. Raises Detached."""
        if self._wishes.hung_up:
            raise Detached
        if self._wishes.stops >= 1 and not self.stops.asked:
            self.stops = replace(self.stops, asked=True, terminated=self._wishes.terminated)
            # done first, told afterwards: the key press may have ended the reader of what we tell, too
            try:
                self._engine.signal(self._handle, Signal.INTERRUPT)
            except EngineError as error:
                # the run goes on; a second Ctrl+C tries harder
                self._note(f"it could not be asked to stop: {error.message}")
            else:
                self._note("stopping after this step; Ctrl+C again ends at once")
        if self._wishes.stops >= 2 and not self.stops.killed:
            self.stops = replace(self.stops, killed=True)
            self.kill()
            self._note("ending at once")

    def kill(self) -> None:
        self._engine.signal(self._handle, Signal.KILL)

    def wait_for_end(self) -> ProcessEnd:
        """How the process ended; it is killed when it does not end by itself soon. Raises Detached."""
        deadline = self._clock() + _LAST_EVENT_GRACE_S
        is_killed = False
        while not self.has_ended():
            if self._clock() > deadline and not is_killed:
                self.kill()
                is_killed = True
            self.pause()
        return self._end or ProcessEnd(None)


class _ShortView:
    def __init__(self, note: Callable[[str], None], on_step: Callable[[int, int], None]) -> None:
        self._note = note
        self._on_step = on_step

    def begin(self, folder: RunFolder, progress: Progress) -> None:
        pass

    def event(self, line: bytes, event: Event) -> None:
        if isinstance(event.payload, Step):
            self._on_step(event.payload.step, event.payload.steps)

    def note(self, sentence: str) -> None:
        self._note(sentence)

    def end(self) -> None:
        pass

    def abandon(self) -> None:
        pass


def _so_far(folder: RunFolder, record: RunRecord) -> tuple[Progress, EventReader]:
    """What is known of a run that goes on, and a reader of what comes next; of a new one nothing is known."""
    progress, reader = Progress(record.epochs), EventReader(folder.events_file, steps=False)
    for _line, event in reader:
        progress.add(event)
    progress.forget_end()
    reader.steps = True
    return progress, reader


def _follow(
    reader: EventReader, device: DeviceKind, progress: Progress, watch: Watch, view: RunView
) -> RunFailure | None:
    """Pass on every event; the failure is a device other than the one that was asked for."""
    for line, event in follow(reader, watch.has_ended, watch.pause):
        progress.add(event)
        view.event(line, event)
        watch.pass_on_wishes()
        if device is DeviceKind.GPU and isinstance(event.payload, Started):
            used = event.payload.device
            if used.kind != DeviceKind.GPU.value:
                watch.kill()
                message = (
                    f"the run was to use a graphics card, but the trainer uses {used.name} ({used.kind.upper()}); "
                    "it was ended"
                )
                hint = (
                    "The image or the installed TensorFlow may lack CUDA: `loghi-runner doctor`. "
                    "To train on the CPU, write `gpus: none` under `engine`."
                )
                return RunFailure("gpu.not_used", message, int(ExitCode.ENGINE), hint)
    return None


def _taken_since(before: float | None, gpus: Sequence[str]) -> float | None:
    """Energy of the cards since then; a driver that was loaded again counts anew, and nothing is known."""
    now = energy_j(gpus) if before is not None else None
    return None if now is None or before is None or now < before else round(now - before, 1)


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
