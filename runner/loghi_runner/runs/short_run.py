"""A trainer run that leaves only its answer: started, followed to its end, and explained when it has none."""

from collections.abc import Callable

from loghi_contract.events import FinishStatus, Step
from loghi_contract.exit_codes import ExitCode
from loghi_runner.engines.base import Engine, Launch
from loghi_runner.errors import ERROR_CLASSES
from loghi_runner.runs.conclude import explain_end, read_tail
from loghi_runner.runs.follow import EventReader, follow
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.rundir import RunFolder
from loghi_runner.runs.signals import Detached, StopWishes, Terminated
from loghi_runner.runs.watch import Watch


def run_to_end(
    launch: Launch, engine: Engine, on_step: Callable[[int, int], None], note: Callable[[str], None]
) -> Progress:
    """Run the job that is laid out in the launch's folder; its answer is in the out folder.

    Args:
        on_step: told how much is done, and of how much.

    Raises:
        RunnerError: it failed, with the trainer's own words where it left any.
        KeyboardInterrupt: it was stopped as the user asked.
        Terminated: the system asked for its end, or closed its terminal.
    """
    folder = RunFolder(launch.run_dir)
    progress = Progress()
    with StopWishes() as wishes:
        handle = engine.start(launch, folder.console_log)
        watch = Watch(engine, handle, wishes, note)
        try:
            for _line, event in follow(EventReader(folder.events_file), watch.has_ended, watch.pause):
                progress.add(event)
                if isinstance(event.payload, Step):
                    on_step(event.payload.step, event.payload.steps)
                watch.pass_on_wishes()
            end = watch.wait_for_end()
        except Detached:
            # unlike a run, nobody can come back to it: its folder goes away with us
            watch.kill()
            raise Terminated from None
        finally:
            engine.clean_up(handle, folder.console_log, keep=False)
    if progress.recognized is not None and progress.recognized.status is FinishStatus.COMPLETED:
        return progress
    if watch.stops.asked:
        raise Terminated if watch.stops.terminated else KeyboardInterrupt
    failure = explain_end(progress, end, read_tail(folder.console_log))
    kind = ERROR_CLASSES.get(ExitCode(failure.exit_code), ERROR_CLASSES[ExitCode.BUG])
    raise kind(failure.code, failure.message, where=failure.where, hint=failure.hint)
