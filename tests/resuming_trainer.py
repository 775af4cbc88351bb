"""The stand-in trainer with checkpoints: it is started in its place, with the same variable.

Begun anew it is killed in epoch 2, with a checkpoint of epoch 1; asked to resume it goes on from there.
"""

import os
import signal
import sys
import zipfile
from collections.abc import Callable

from fake_trainer import SCENARIOS, FakeTrainer, main  # it lies beside this script

from loghi_contract import events
from loghi_contract.checkpoint import CHECKPOINT_FILE, SavedReading, TrainingState, find_checkpoint, write_state
from loghi_contract.events import Device, Versions
from loghi_contract.exit_codes import ExitCode
from loghi_contract.places import LAST

_READING = SavedReading((), None)


def write_checkpoint(trainer: FakeTrainer, epoch: int, step: int = 0) -> None:
    state = TrainingState(
        run_id=trainer.job.run_id,
        epoch=epoch,
        step=step,
        loss_sum=0.0,
        lines_done=0,
        seconds=0.0,
        epochs=trainer.job.training.epochs,
        patient_from=0,
        best_epoch=epoch,
        best_cer=0.2,
        base_reading=_READING,
        best_reading=_READING,
        scored_readings=(),
        lines_sha256="",
        rows=(),
        started=events.Started(Versions("0", "3", "fake", None), Device("cpu", "Fake cpu", None), os.getpid()),
    )
    folder = trainer.places.out / LAST
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / CHECKPOINT_FILE, "w") as archive:
        write_state(archive, state)


def dies_once(
    trainer: FakeTrainer,
    *,
    first_waits: bool = False,
    waits: bool = False,
    again: bool = False,
    die: Callable[[], int] = lambda: os.kill(os.getpid(), signal.SIGKILL) or 0,
) -> int:
    """`first_waits`: before it dies, for a file `go`; `waits`: when it goes on; `again`: it dies again, silently."""
    if not trainer.job.resume:
        trainer.begin()
        trainer.epoch(0, 0.3, is_best=True)
        trainer.epoch(1, 0.2, is_best=True)
        write_checkpoint(trainer, 1)
        trainer.emit(events.Step(2, 1, 3, 10.0, 12.5))
        if first_waits:
            trainer.wait_for_go()
        return die()
    if again:
        return die()
    trainer._seq = len(trainer.events_file.read_bytes().splitlines())
    state = find_checkpoint(trainer.places.out).state
    trainer.emit(events.Resumed(state.epoch, state.step))
    trainer.begin()
    if waits:
        trainer.wait_for_go()
    epochs = trainer.job.training.epochs
    for number in range(state.epoch + 1, epochs + 1):
        trainer.epoch(number, 0.2 / number, is_best=True)
        write_checkpoint(trainer, number)
    trainer.finish(events.FinishStatus.COMPLETED, epochs, 0.2 / epochs)
    return ExitCode.OK


def _without_card() -> int:
    sys.stderr.write("CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected\n")
    return ExitCode.ENGINE


def loses_its_card_once(trainer: FakeTrainer) -> int:
    return dies_once(trainer, die=_without_card)


def loses_each_card(trainer: FakeTrainer) -> int:
    return dies_once(trainer, again=True, die=_without_card)


def _hang() -> int:
    while True:
        signal.pause()  # asked to end it does nothing, as a program that waits for a card


def hangs_once(trainer: FakeTrainer) -> int:
    return dies_once(trainer, die=_hang)


def hangs_each_time(trainer: FakeTrainer) -> int:
    if trainer.job.resume:
        trainer._seq = len(trainer.events_file.read_bytes().splitlines())
        trainer.emit(events.Resumed(1, 0))
        trainer.begin()
        trainer.emit(events.Step(2, 1, 3, 10.0, 12.5))
        return _hang()
    return dies_once(trainer, die=_hang)


def waits_when_it_goes_on(trainer: FakeTrainer) -> int:
    return dies_once(trainer, waits=True)


def dies_on_go(trainer: FakeTrainer) -> int:
    return dies_once(trainer, first_waits=True)


def dies_again(trainer: FakeTrainer) -> int:
    return dies_once(trainer, again=True)


SCENARIOS.update(
    {
        scenario.__name__: scenario
        for scenario in (
            dies_once,
            dies_on_go,
            waits_when_it_goes_on,
            dies_again,
            loses_its_card_once,
            loses_each_card,
            hangs_once,
            hangs_each_time,
        )
    }
)

if __name__ == "__main__":
    sys.exit(main())
