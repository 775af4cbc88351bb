"""One run of a trainer: started once it has its cards, followed, ended as the user wishes, concluded and reported."""

import contextlib
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol  # the fields of a record differ in type

from loghi_contract import CONTRACT, __version__
from loghi_contract.events import Device, Event, Started
from loghi_contract.exit_codes import ExitCode
from loghi_contract.job import DeviceKind
from loghi_runner.clock import utc_now
from loghi_runner.engines.base import Engine, Handle, Launch, Setting
from loghi_runner.engines.card_queue import LOOK_EVERY_S, Waiting, take_cards
from loghi_runner.engines.image import BASE_DIGEST_LABEL
from loghi_runner.engines.leases import Lease
from loghi_runner.engines.nvml import energy_j
from loghi_runner.engines.processes import machine_name, name_process
from loghi_runner.errors import EngineError, RunnerError
from loghi_runner.runs.card_watch import CardWatch
from loghi_runner.runs.conclude import finish_run, keep_record
from loghi_runner.runs.folder import Host, RunFailure, RunFolder, RunRecord, RunState, cannot_write_run, used_cards
from loghi_runner.runs.progress import EventReader, Progress, follow
from loghi_runner.runs.signals import Detached, StopWishes, Terminated
from loghi_runner.runs.watch import PAUSE_S, Watch

#: A container that was started needs seconds until its trainer has its cards.
_BEGIN_GRACE_S = 60.0


class RunView(Protocol):
    """Who is told of a run while it is followed."""

    def begin(self, folder: RunFolder, progress: Progress) -> None:
        """The trainer was started."""

    def event(self, line: bytes, event: Event) -> None:
        """One event, already added to the progress."""

    def queued(self, waiting: Waiting) -> None:
        """The run waits for graphics cards, or how it waits has changed; it has begun to run with `begin`."""

    def note(self, sentence: str) -> None:
        """Something the host did meanwhile."""

    def end(self) -> None:
        """Nothing more will come; may be called after `abandon`."""

    def abandon(self) -> None:
        """The terminal is gone: write nothing to it any more."""


def new_record(run_id: str, name: str, engine: Engine, setting: Setting) -> RunRecord:
    """The record of a run that this process is about to start, with what is known of every run."""
    return RunRecord(
        run_id=run_id,
        name=name,
        state=RunState.PREPARED,
        created=utc_now(),
        versions={"loghi-runner": __version__, "contract": str(CONTRACT), "python": platform.python_version()},
        engine=engine.name,
        config_sha256="",
        host=Host(machine_name(), name_process(os.getpid())),
        **_of_setting(setting),
    )


def _of_setting(setting: Setting) -> dict[str, Any]:
    """The part of a record that says where the run happens."""
    image, device = setting.image, setting.device
    return {
        "device": device.kind.value,
        "gpus": device.uuids,
        "cards": used_cards(device.cards),
        "driver": device.driver,
        "image": image.name if image else None,
        "image_digest": image.digest if image else None,
        "base_image_digest": (image.labels.get(BASE_DIGEST_LABEL) or None) if image else None,
    }


def run_trainer(
    engine: Engine,
    launch: Launch,
    record: RunRecord,
    view: RunView,
    wishes: StopWishes,
    *,
    goes_on_alone: bool = True,
) -> tuple[RunRecord, Progress]:
    """Start the trainer in the folder that is laid out for it, and see it to its end; before, wait for its cards.

    Args:
        goes_on_alone: whether a run that waits, or has begun, goes on when the terminal is closed.

    Returns:
        The record as it is on disk then, and what the events told. Its state is `running` when the terminal was
        closed: the trainer goes on without us.

    Raises:
        RunnerError: it was not started; or it was, and cannot be seen any more.
        KeyboardInterrupt: it was to end while it waited; the record is as it was before. Terminated likewise.
    """
    folder = RunFolder(launch.run_dir)
    progress, reader = _so_far(folder, record)
    try:
        launch, record = _with_cards(engine, launch, record, folder, view, wishes, goes_on_alone)
        handle = _started(engine, launch, folder)
    except RunnerError as error:
        keep_record(folder, record.with_failure(RunFailure.of(error)), view.note)
        raise
    record = replace(record, state=RunState.RUNNING, handle=handle, waiting=None)
    watch = Watch(engine, handle, wishes, view.note)
    try:
        folder.write(record)
    except (OSError, RunnerError) as error:
        # nobody could find, follow or stop this trainer; or the run is another's by now
        watch.kill()
        watch.wait_for_end()
        with contextlib.suppress(RunnerError, OSError):
            engine.clean_up(handle, folder.console_log, keep=False)
        _end(launch.lease)
        if isinstance(error, RunnerError):
            raise
        raise cannot_write_run(error, folder.record_file) from error
    taken_before = energy_j(launch.gpus) if launch.gpus else None
    try:
        view.begin(folder, progress)
        refused = _follow(reader, launch, progress, watch, view)
        end = watch.wait_for_end()
    except Detached:
        view.abandon()
        _leave(launch.lease)
        return record, progress
    finally:
        view.end()
    _end(launch.lease)
    record = replace(record, energy_j=_energy(record, taken_before, launch.gpus))
    record = finish_run(
        folder, record, progress, handle, end, engine, stops=watch.stops, refused=refused, note=view.note
    )
    return record, progress


def _with_cards(
    engine: Engine,
    launch: Launch,
    record: RunRecord,
    folder: RunFolder,
    view: RunView,
    wishes: StopWishes,
    goes_on_alone: bool,
) -> tuple[Launch, RunRecord]:
    """The run with the cards that it has now, waited for if need be; one on the processor is as it was."""
    if not launch.candidates:
        return launch, record
    before, is_alone = record, False

    def told(waiting: Waiting) -> None:
        nonlocal record
        record = keep_record(folder, replace(record, state=RunState.QUEUED, gpus=(), waiting=waiting), view.note)
        if is_alone:
            return
        try:
            view.queued(waiting)
        except Detached:
            wishes.hung_up = True  # whoever read us is gone, as with a closed terminal

    def pause() -> None:
        nonlocal is_alone
        if wishes.stops:
            raise Terminated if wishes.terminated else KeyboardInterrupt
        if wishes.hung_up and not goes_on_alone:
            raise Terminated
        if wishes.hung_up and not is_alone:
            view.abandon()
            is_alone = True
        with contextlib.suppress(OSError):
            os.utime(folder.record_file)  # a sign of life for machines that cannot see this process
        time.sleep(LOOK_EVERY_S)

    try:
        lease = take_cards(launch, told, pause)
    except (KeyboardInterrupt, Terminated):
        view.end()
        if record is not before:
            keep_record(folder, before, view.note)
        raise
    if lease is not None:
        # another card than the planned one may have become free
        cards = used_cards(lease.cards)
        used = replace(record, state=RunState.PREPARED, gpus=lease.uuids, cards=cards, waiting=None)
        return replace(launch, gpus=lease.uuids, lease=lease), used
    on_cpu = engine.settle(launch.wish.model_copy(update={"gpus": "none"}))
    on_cpu.require_usable()
    view.note("the planned card was taken meanwhile: this run goes on the processor (gpus: auto-or-cpu)")
    try:
        folder.change_device(DeviceKind.CPU)
    except OSError as error:
        raise cannot_write_run(error, folder.job_dir) from error
    return on_cpu.launch(launch.run_id, launch.run_dir, launch.mounts), replace(record, **_of_setting(on_cpu))


def _started(engine: Engine, launch: Launch, folder: RunFolder) -> Handle:
    try:
        return engine.start(launch, folder.console_log)
    except BaseException:
        _end(launch.lease)
        raise


def _end(lease: Lease | None) -> None:
    if lease is not None:
        lease.end()


def _leave(lease: Lease | None) -> None:
    """Let go of the cards once the trainer, which goes on without us, has them."""
    deadline = time.monotonic() + _BEGIN_GRACE_S
    while lease is not None and lease.descriptors and time.monotonic() < deadline:
        with contextlib.suppress(EngineError):
            if lease.hand_over():
                return
        time.sleep(PAUSE_S)


def _so_far(folder: RunFolder, record: RunRecord) -> tuple[Progress, EventReader]:
    """What is known of a run that goes on, and a reader of what comes next; of a new one nothing is known."""
    progress, reader = Progress(record.epochs), EventReader(folder.events_file, steps=False)
    for _line, event in reader:
        progress.add(event)
    progress.forget_end()
    reader.steps = True
    return progress, reader


def _follow(reader: EventReader, launch: Launch, progress: Progress, watch: Watch, view: RunView) -> RunFailure | None:
    """Pass on every event; the failure is that of the cards: others or fewer than the run was given, or gone."""
    cards = CardWatch(launch.gpus)
    for line, event in follow(reader, lambda: watch.has_ended() or cards.has_failed(), watch.pause):
        cards.event(event.payload)
        progress.add(event)
        view.event(line, event)
        watch.pass_on_wishes()
        if launch.device is not DeviceKind.GPU or not isinstance(event.payload, Started):
            continue
        failure = _why_refused(launch, event.payload.device)
        if failure is not None:
            watch.kill()
            return failure
        _hand_over(launch.lease, view.note)
    if cards.failure is not None:
        watch.kill()
    return cards.failure


def _hand_over(lease: Lease | None, note: Callable[[str], None]) -> None:
    """Let go of what the trainer has locked by now; a trainer that inherited the lease had it before."""
    if lease is None or not lease.descriptors:
        return
    try:
        has_all = lease.hand_over()
    except EngineError:
        return  # somebody holds the gate: it stays ours as well, until the end
    if not has_all:
        note("the container cannot hold its cards itself: they count as free when this command is killed")


def _why_refused(launch: Launch, used: Device) -> RunFailure | None:
    if used.kind != DeviceKind.GPU.value:
        message = (
            f"the run was to use a graphics card, but the trainer uses {used.name} ({used.kind.upper()}); it was ended"
        )
        hint = (
            "The image or the installed TensorFlow may lack CUDA: `loghi-runner doctor`. "
            "To train on the CPU, write `gpus: none` under `engine`."
        )
        return RunFailure("gpu.not_used", message, int(ExitCode.ENGINE), hint)
    if used.cards < len(launch.gpus):
        message = (
            f"the run was given {len(launch.gpus)} graphics cards, and the trainer computes on {used.cards} of them; "
            "it was ended, as others could use the rest"
        )
        return RunFailure("gpu.not_all_used", message, int(ExitCode.ENGINE), "Write `gpus: 1` under `engine`.")
    return None


def _energy(record: RunRecord, before: float | None, gpus: Sequence[str]) -> float | None:
    """What the cards took for the run in all; None where that of any part of it is not known."""
    now = energy_j(gpus) if before is not None else None
    earlier = record.energy_j if record.resumptions else 0.0
    if before is None or now is None or now < before or earlier is None:  # a driver loaded again counts anew
        return None
    return round(earlier + now - before, 1)
