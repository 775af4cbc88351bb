"""The stand-in trainer with ends that it cannot choose itself: it is started in its place, with the same variable."""

import os
import shutil
import signal
import sys
import zipfile

from fake_trainer import SCENARIOS, FakeTrainer, main  # it lies beside this script

from loghi_contract.exit_codes import ExitCode
from loghi_contract.places import BEST_VAL, SAVING_DIR
from loghi_contract.saved_epoch import SavedEpoch, with_saved_epoch


def killed_while_saving(trainer: FakeTrainer) -> int:
    """Epoch 1 is put in place and not announced, the next model is half-written."""
    trainer.begin()
    trainer.epoch(0, 0.3, is_best=True)
    with zipfile.ZipFile(trainer.places.out / BEST_VAL / "model.keras", "w") as archive:
        archive.writestr("metadata.json", with_saved_epoch(b"{}", SavedEpoch(1, 0.2)))
    half = trainer.places.out / SAVING_DIR
    half.mkdir()
    (half / "model.keras").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
    return ExitCode.OK


def loses_its_folder(trainer: FakeTrainer) -> int:
    """Somebody removes the run folder in the middle of the training."""
    trainer.begin()
    trainer.epoch(0, 0.3, is_best=True)
    shutil.rmtree(trainer.places.out.resolve().parent)
    return ExitCode.ENGINE


SCENARIOS.update({scenario.__name__: scenario for scenario in (killed_while_saving, loses_its_folder)})

if __name__ == "__main__":
    sys.exit(main())
