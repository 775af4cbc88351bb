"""The stand-in trainer that learns unread lines: it is started in its place, with the same variable.

Of the lines without a text it is sure of two, and reads better for it; a job without such lines goes as ever.
"""

import sys

from fake_trainer import SCENARIOS, FakeTrainer, main  # it lies beside this script

from loghi_contract import events
from loghi_contract.events import FinishStatus
from loghi_contract.exit_codes import ExitCode
from loghi_contract.job import Split, list_beside

_others = SCENARIOS["success"]


def success(trainer: FakeTrainer) -> int:
    if trainer.job.self_training is None:
        return _others(trainer)
    unread = trainer.read_list(list_beside(trainer.job.lists, Split.UNREAD))
    trainer.begin()
    trainer.epoch(0, 0.312, is_best=True)
    trainer.emit(events.Phase("training"))
    trainer.epoch(1, 0.2, is_best=True)
    trainer.emit(events.Phase("self_training"))
    last = trainer.job.self_training.epochs
    trainer.emit(events.SelfTraining(1, last, 1, len(unread), 2, 31, 0.91, 0.2, 0.15))
    trainer.epoch(2, 0.16, is_best=True)
    trainer.finish(FinishStatus.COMPLETED, 2, 0.16)
    return ExitCode.OK


SCENARIOS["success"] = success

if __name__ == "__main__":
    sys.exit(main())
