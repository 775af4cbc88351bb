"""The stand-in trainer on stand-in cards (`tests/fake_nvml.py`); run as a program like that one."""

import os
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    import fake_trainer
else:
    from tests import fake_trainer

from loghi_contract import events
from loghi_contract.events import Device, FinishStatus, Versions
from loghi_contract.exit_codes import ExitCode
from loghi_contract.job import DeviceKind

CARDS_VARIABLE = "LOGHI_FAKE_CARDS"
#: Beside the cards: when which run began and ended on which card.
CARDS_LOG = "used.txt"


def on_cards(trainer: fake_trainer.FakeTrainer) -> int:
    """Computes on cards: the stand-in driver sees it there, and it writes down when, for each (`CARDS_LOG`).

    With a file `hold` beside the cards it waits until that is gone; a file `fault` has what it dies of then.
    """
    place = Path(os.environ[CARDS_VARIABLE])
    uuids = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
    seen = [place / uuid / str(os.getpid()) for uuid in uuids if trainer.job.device is DeviceKind.GPU]
    for file in seen:
        file.touch()
    _write_down(place, trainer, uuids, "begin")
    kind = trainer.job.device.value
    cards = max(len(seen), 1)
    trainer.emit(
        events.Started(Versions("0", "3", "fake", None), Device(kind, f"Fake {kind}", None, cards), os.getpid())
    )
    trainer.epoch(0, 0.3, is_best=True)
    deadline = time.monotonic() + 60
    while (place / "hold").exists() and not trainer.signals and time.monotonic() < deadline:
        time.sleep(0.01)
    if (place / "fault").exists():
        raise RuntimeError((place / "fault").read_text())
    trainer.finish(FinishStatus.CANCELLED if trainer.signals else FinishStatus.COMPLETED, 0, 0.3)
    _write_down(place, trainer, uuids, "end")
    for file in seen:
        file.unlink()
    return ExitCode.INTERRUPTED if trainer.signals else ExitCode.OK


def _write_down(place: Path, trainer: fake_trainer.FakeTrainer, uuids: list[str], what: str) -> None:
    with (place / CARDS_LOG).open("a") as log:
        log.write("".join(f"{time.monotonic_ns()} {what} {uuid} {trainer.job.run_id}\n" for uuid in uuids))


if __name__ == "__main__":
    fake_trainer.SCENARIOS[on_cards.__name__] = on_cards
    sys.exit(fake_trainer.main())
