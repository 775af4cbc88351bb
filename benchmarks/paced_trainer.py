"""Stands in for the trainer: it trains nothing, and tells as many steps a second as its job's seed."""

import os
import signal
import sys
import time

from loghi_contract import events
from loghi_contract.events import Device, Event, FinishStatus, Payload, Versions, encode_event
from loghi_contract.exit_codes import ExitCode
from loghi_contract.job import JobSpec, load_job
from loghi_contract.places import BEST_VAL, EVENTS_FILE, JOB_FILE, Places

_STEPS = 200


def main() -> int:
    places = Places.from_environment()
    job = load_job(places.real(JOB_FILE).read_text(encoding="utf-8"))
    assert isinstance(job, JobSpec)
    stops: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: stops.append(number))
    signal.signal(signal.SIGTERM, lambda number, _frame: stops.append(number))
    with (places.out / EVENTS_FILE).open("ab", buffering=0) as file:

        def emit(payload: Payload) -> None:
            file.write(encode_event(Event(0, time.time(), job.run_id, payload)))

        emit(events.Started(Versions("0", "3", "paced", None), Device("cpu", "none", None), os.getpid()))
        emit(events.Epoch(0, job.training.epochs, None, 0.4, 0.8, None, 1.0, True))
        emit(events.Phase("training"))
        for epoch in range(1, job.training.epochs + 1):
            for step in range(1, _STEPS + 1):
                time.sleep(1 / job.training.seed)
                emit(events.Step(epoch, step, _STEPS, 100 / (epoch + step), 12.5))
                if stops:
                    emit(events.Finished(FinishStatus.CANCELLED, 0, 0.4, str(BEST_VAL)))
                    return ExitCode.INTERRUPTED
            emit(events.Epoch(epoch, job.training.epochs, 12.3, 0.3, 0.6, 1e-3, 20.0, False))
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
