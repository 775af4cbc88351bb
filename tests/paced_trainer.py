"""Stands in for the trainer: it trains nothing, and tells as many steps a second as its job's seed.

It takes the base model for the best. On a made card (`LOGHI_FAKE_CARDS`, see `fake_nvml`) the driver sees it, and it
writes down whom it meets there. Nothing but the contract is imported, so that it also runs in the trainer's image.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

from loghi_contract import events
from loghi_contract.event_lines import encode_event
from loghi_contract.events import Device, Event, FinishStatus, Payload, Versions
from loghi_contract.exit_codes import ExitCode
from loghi_contract.job import DeviceKind, JobSpec, load_job
from loghi_contract.places import BASE_MODEL_DIR, BEST_VAL, EVENTS_FILE, JOB_FILE, Places

#: Beside the cards: a line for each two runs that were on one card at the same time.
SHARED_LOG = "shared.txt"
_STEPS = 20


def main() -> int:
    places = Places.from_environment()
    job = load_job(places.real(JOB_FILE).read_text(encoding="utf-8"))
    assert isinstance(job, JobSpec)
    stops: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: stops.append(number))
    marks = _take_cards(job)
    with (places.out / EVENTS_FILE).open("ab", buffering=0) as file:

        def emit(payload: Payload) -> None:
            file.write(encode_event(Event(0, time.time(), job.run_id, payload)))

        kind, epochs = job.device.value, job.training.epochs
        emit(events.Started(Versions("0", "3", "paced", None), Device(kind, f"made {kind}", None), os.getpid()))
        shutil.copytree(places.real(BASE_MODEL_DIR), places.out / BEST_VAL, dirs_exist_ok=True)
        emit(events.Checkpoint(BEST_VAL.name, 0, str(BEST_VAL / "model.keras")))
        emit(events.Epoch(0, epochs, None, 0.4, 0.8, None, 1.0, True))
        emit(events.Phase("training"))
        for epoch in range(1, epochs + 1):
            for step in range(1, _STEPS + 1):
                time.sleep(1 / job.training.seed)
                emit(events.Step(epoch, step, _STEPS, 100 / (epoch + step), 12.5))
                if stops:
                    break
            if stops:
                break
            emit(events.Epoch(epoch, epochs, 12.3, 0.5, 0.9, 1e-3, _STEPS / job.training.seed, False))
        status = FinishStatus.CANCELLED if stops else FinishStatus.COMPLETED
        emit(events.Finished(status, 0, 0.4, str(BEST_VAL)))
    for mark in marks:
        mark.unlink()
    return ExitCode.INTERRUPTED if stops else ExitCode.OK


def _take_cards(job: JobSpec) -> list[Path]:
    """The files by which the made driver sees this process on its cards."""
    if job.device is not DeviceKind.GPU:
        return []
    cards = Path(os.environ["LOGHI_FAKE_CARDS"])
    marks = [cards / uuid / str(os.getpid()) for uuid in os.environ["CUDA_VISIBLE_DEVICES"].split(",")]
    for mark in marks:
        mark.touch()
        # made before it is looked: of two that come at once, one at least meets the other
        met = [other.name for other in mark.parent.iterdir() if other.name.isdigit() and other != mark]
        if living := [pid for pid in met if _lives(pid)]:
            with (cards / SHARED_LOG).open("a", encoding="utf-8") as log:
                log.write(f"{job.run_id} met the processes {living} on {mark.parent.name}\n")
    return marks


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
