"""The real trainer, killed by itself at one exact point of one save; started in place of the trainer.

    export LOGHI_RUNNER_TEST_TRAINER=tests/kills/marked_trainer.py
    LOGHI_FAKE_KILL_AT="placed 2" loghi-runner finetune config.yaml

Without LOGHI_FAKE_KILL_AT nothing is killed; LOGHI_FAKE_KILL_COPIES names a folder that gets each model that was put in
place.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

from loghi_contract import events
from loghi_contract.events import Payload
from loghi_contract.places import BEST_VAL, Places
from loghi_trainer import __main__ as trainer

AT_VARIABLE = "LOGHI_FAKE_KILL_AT"
COPIES_VARIABLE = "LOGHI_FAKE_KILL_COPIES"

#: In the order in which a save passes them: the file is half written, whole but not looked at, looked at, in place,
#: announced; and its epoch's scores are announced.
POINTS = ("writing", "written", "reopened", "placed", "announced", "scored")
#: And a checkpoint: it is half written, its forerunner is moved away, it is in place.
LAST_POINTS = ("last_writing", "last_moved", "last_placed")


def mark() -> None:
    """Put the marks into the trainer's own modules; TensorFlow is loaded by that."""
    from loghi_trainer import checkpoint, reporter, save

    point, _, wanted = os.environ.get(AT_VARIABLE, "").partition(" ")
    saves = lasts = 0

    def reach(here: str) -> None:
        if here == point and (lasts if here in LAST_POINTS else saves) == int(wanted):
            os.kill(os.getpid(), signal.SIGKILL)

    write, require_same = save._write_portable, save._require_same
    keep, emit = save.ModelFolder.save, reporter.Reporter.emit

    def _write_portable(*arguments: object) -> None:
        nonlocal saves
        saves += 1
        if point == "writing" and saves == int(wanted):
            shutil.copyfileobj = lambda *_: reach("writing")  # type: ignore[assignment]  # the weights are being copied
        write(*arguments)  # type: ignore[arg-type]
        reach("written")

    def _require_same(*arguments: object) -> None:
        require_same(*arguments)  # type: ignore[arg-type]
        reach("reopened")

    def _save(self: save.ModelFolder, network: object, saved: object) -> None:
        keep(self, network, saved)  # type: ignore[arg-type]
        if copies := os.environ.get(COPIES_VARIABLE):
            model = Places.from_environment().out / BEST_VAL / "model.keras"
            shutil.copyfile(model, Path(copies) / f"{saves - 1}.keras")
        reach("placed")

    def _emit(self: reporter.Reporter, payload: Payload) -> None:
        emit(self, payload)
        if isinstance(payload, events.Checkpoint):
            reach("announced")
        if isinstance(payload, events.Epoch):
            reach("scored")

    state, move = checkpoint.write_state, Path.replace

    def _write_state(*arguments: object) -> None:
        nonlocal lasts
        lasts += 1
        state(*arguments)  # type: ignore[arg-type]
        reach("last_writing")

    def _replace(self: Path, target: Path) -> Path:
        moved = move(self, target)
        if target.name == checkpoint.EARLIER_FILE:
            reach("last_moved")
        if target.name == checkpoint.CHECKPOINT_FILE:
            reach("last_placed")
        return moved

    checkpoint.write_state, Path.replace = _write_state, _replace  # type: ignore[method-assign,assignment]
    save._write_portable, save._require_same = _write_portable, _require_same
    save.ModelFolder.save, reporter.Reporter.emit = _save, _emit  # type: ignore[method-assign]


if __name__ == "__main__":
    # as the trainer itself does it, before any framework is loaded
    os.environ |= {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    mark()
    sys.exit(trainer.main())
