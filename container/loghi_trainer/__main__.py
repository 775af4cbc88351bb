"""`python -m loghi_trainer`: run the job in /in/job/job.json, once.

Standard output is the events; everything else is standard error. The one place that maps errors to exit codes.
"""

import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType

from loghi_contract import events
from loghi_contract.exit_codes import ExitCode
from loghi_contract.job import ContractMismatch, DeviceKind, JobSpec, RecognizeJob, load_job
from loghi_contract.places import EVENTS_FILE, JOB_FILE, LEASES_DIR, REPORT_DIR, Places
from loghi_contract.records import RecordError
from loghi_trainer.cuda import open_cuda_libraries
from loghi_trainer.environment import environment_for, keep_freed_memory, memory_limit, nothing_collected
from loghi_trainer.errors import JobError, StorageError, TrainerError, as_out_of_memory
from loghi_trainer.leases import hold_leases
from loghi_trainer.reporter import Reporter
from loghi_trainer.stdio import claim_stdout
from loghi_trainer.turn import Turn

_TRACEBACK_FILE = REPORT_DIR / "traceback.txt"


class _StopRequest:
    """Remembers the signal that asked the run to stop."""

    def __init__(self) -> None:
        self.signal: int | None = None
        # a shell may have left SIGINT ignored for background processes: set both explicitly
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._remember)
        # a manager of services ends what it started by this; under nohup it stays ignored
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._remember)

    def __call__(self) -> bool:
        return self.signal is not None

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.signal = self.signal or number


def main() -> int:
    stdout = claim_stdout()
    places = Places.from_environment()
    stop = _StopRequest()
    try:
        job = _read_job(places.real(JOB_FILE))
    except TrainerError as error:
        return _fail(Reporter(places.out / EVENTS_FILE, stdout, run_id=""), places, error)
    turn = Turn(places)
    reporter = Reporter(places.out / EVENTS_FILE, stdout, job.run_id, require_turn=turn.require)
    turn.begin()
    try:
        return _work(job, places, reporter, stop)
    finally:
        turn.end()


def _work(job: JobSpec | RecognizeJob, places: Places, reporter: Reporter, stop: _StopRequest) -> int:
    os.environ.update(environment_for(job.device))
    keep_freed_memory()
    limit = memory_limit()
    if job.device is DeviceKind.GPU:
        open_cuda_libraries()  # what cannot be opened is told if the framework then finds no card
    try:
        hold_leases(places.real(LEASES_DIR))
        if limit is not None:
            # before anything can crash on it: whoever concludes the run reads it here
            reporter.emit(events.Notice("memory.limited", limit, "`ulimit -v unlimited` in the shell takes it away."))
        finished = _run(job, places, reporter, stop)
        reporter.emit(finished)
    except Exception as error:  # noqa: BLE001  # the top of the process: everything becomes a `failed` event
        on_card = job.device is DeviceKind.GPU
        return _fail(reporter, places, as_out_of_memory(error, on_card=on_card, limit=limit) or error, error)
    if finished.status is events.FinishStatus.CANCELLED:
        return ExitCode.INTERRUPTED if stop.signal == signal.SIGINT else ExitCode.TERMINATED
    return ExitCode.OK


def _run(
    job: JobSpec | RecognizeJob, places: Places, reporter: Reporter, stop: _StopRequest
) -> events.Finished | events.Recognized:
    # the framework reads the environment when it is imported, so not before now
    if isinstance(job, RecognizeJob):
        with nothing_collected():
            from loghi_trainer.reading import read_lines
        return read_lines(job, places, reporter, stop)
    with nothing_collected():
        from loghi_trainer.train import train
    return train(job, places, reporter, stop)


def _read_job(path: Path) -> JobSpec | RecognizeJob:
    try:
        return load_job(path.read_text(encoding="utf-8"))
    except ContractMismatch as error:
        raise JobError(
            "job.contract", str(error), where="job.json", hint="Build the image again: `loghi-runner image build`."
        ) from error
    except (RecordError, OSError, UnicodeDecodeError) as error:
        raise JobError("job.unreadable", f"job.json cannot be read: {error}", where="job.json") from error


def _fail(reporter: Reporter, places: Places, error: Exception, raised: Exception | None = None) -> int:
    """Write the traceback of what was raised to a file, say what went wrong, and return the exit code."""
    written = _write_traceback(places.out / _TRACEBACK_FILE, raised or error)
    if isinstance(error, TrainerError):
        code, exit_code, message, hint, where = error.code, error.exit_code, error.message, error.hint, error.where
    else:
        code, exit_code, where = "trainer.bug", ExitCode.BUG, None
        message = f"the trainer met a fault of its own: {type(error).__name__}: {error}"
        hint = "Please report it with the traceback file."
    traceback_file = str(_TRACEBACK_FILE) if written else None
    try:
        reporter.emit(events.Failed(code, int(exit_code), message, hint, where, traceback_file))
    except StorageError as unwritable:
        # the host reads the end of standard error when there is no last event
        sys.stderr.write(f"{unwritable.message}\n{message}\n")
        return int(unwritable.exit_code)
    return int(exit_code)


def _write_traceback(path: Path, error: Exception) -> bool:
    try:
        # no parents: an out folder that was removed meanwhile is not made again
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        traceback.print_exception(error, file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
