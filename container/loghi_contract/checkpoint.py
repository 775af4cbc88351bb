"""`last`: the whole state of a training in one file, so that it goes on from there; and which of two is to be taken.

A zip without compression: `state.json` (`TrainingState`), and arrays as NumPy writes them, named by what they are of.
Each member carries its checksum, so a file that was cut off or changed at any byte is known as damaged.
"""

import errno
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loghi_contract.events import Epoch, SelfTraining, Started
from loghi_contract.files import open_plain
from loghi_contract.model_folder import BROKEN_ARCHIVE
from loghi_contract.places import LAST
from loghi_contract.records import RecordError, from_json, parse_json, to_json
from loghi_contract.trials import TRIALS_FILE

#: In `LAST`: the one written last, and the one before it.
CHECKPOINT_FILE: Final = "checkpoint.zip"
EARLIER_FILE: Final = "checkpoint.earlier.zip"
#: Where one is written before it is put in place; what a killed trainer left of it is worth nothing.
UNFINISHED_FILE: Final = "checkpoint.unfinished.zip"

#: Of what there are arrays: the network's variables, the optimizer's, those of its loss scale, and the best model's.
NETWORK, OPTIMIZER, SCALE, BEST = "network", "optimizer", "scale", "best"

_STATE_MEMBER = "state.json"
#: Texts of all validation lines stand in it.
_MAX_STATE_BYTES = 512 << 20


@dataclass(frozen=True)
class SavedReading:
    """What a model read on a split, a text for each line in the split's order; `loss` as in `events.Epoch`."""

    texts: tuple[str, ...]
    loss: float | None


@dataclass(frozen=True)
class SavedSelfTraining:
    """What was told when the unread lines were read, and the text of each in the list's order: empty if not learnt."""

    told: SelfTraining
    texts: tuple[str, ...]


@dataclass(frozen=True)
class TrainingState:
    """Where a training stands: `epoch` epochs are done and scored, and `step` steps of the next.

    `loss_sum`, `lines_done` and `seconds` are of these steps. `epochs` were planned; since epoch `patient_from` early
    stopping counts. `lines_sha256` is of all that decides which line comes when.
    """

    run_id: str
    epoch: int
    step: int
    loss_sum: float
    lines_done: int
    seconds: float
    epochs: int
    patient_from: int
    best_epoch: int
    best_cer: float
    #: of the validation lines: the base model's, and the best model's
    base_reading: SavedReading
    best_reading: SavedReading | None
    #: the base model's, of the splits that choose nothing
    scored_readings: tuple[SavedReading, ...]
    lines_sha256: str
    #: the epoch table so far: a power cut may take it from the events
    rows: tuple[Epoch, ...]
    #: by whom it was written, and on what
    started: Started
    #: lines times pixels that were computed at once; None where all that a step has
    most_px: int | None = None
    #: None before unread lines are learnt
    self_training: SavedSelfTraining | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A whole one. `damaged` says which of the two cannot be used, and why."""

    file: Path
    state: TrainingState
    damaged: tuple[str, ...] = ()


class NoCheckpoint(Exception):  # not an error by itself: a run may be too young for one
    """There is none, or, where `damaged` names them, none that is whole."""

    def __init__(self, damaged: tuple[str, ...] = ()) -> None:
        super().__init__("; ".join(damaged) or "there is no checkpoint")
        self.damaged = damaged


def find_checkpoint(out: Path) -> Checkpoint:
    """The newest whole checkpoint below a run's out folder; every byte of it is read.

    Raises:
        NoCheckpoint: there is none.
    """
    damaged: list[str] = []
    for name in (CHECKPOINT_FILE, EARLIER_FILE):
        file = out / LAST / name
        try:
            state = read_state(file)
        except FileNotFoundError:
            continue
        except (*BROKEN_ARCHIVE, RecordError, RecursionError) as error:
            damaged.append(f"{name}: {error}")
        else:
            return Checkpoint(file, state, tuple(damaged))
    raise NoCheckpoint(tuple(damaged))


def has_checkpoint(out: Path) -> bool:
    """Whether there is one; nobody has looked whether it is whole."""
    return any((out / LAST / name).is_file() for name in (CHECKPOINT_FILE, EARLIER_FILE))


def can_go_on(out: Path) -> bool:
    """Whether a run left anything to go on from: a checkpoint, or ways to come by line images that it has tried."""
    return has_checkpoint(out) or (out / TRIALS_FILE).is_file()


def read_state(file: Path) -> TrainingState:
    """The state in a checkpoint that is whole to the last byte.

    Raises:
        OSError, zipfile.BadZipFile and what else `BROKEN_ARCHIVE` holds, RecordError: it cannot be read, or is damaged.
    """
    with open_plain(file) as opened, zipfile.ZipFile(opened) as archive:
        if (member := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"{member} is damaged")
        if archive.getinfo(_STATE_MEMBER).file_size > _MAX_STATE_BYTES:
            raise OSError(errno.EFBIG, "its state is too long")
        return from_json(TrainingState, parse_json(archive.read(_STATE_MEMBER)), allow_unknown=True)


def write_state(archive: zipfile.ZipFile, state: TrainingState) -> None:
    archive.writestr(_STATE_MEMBER, json.dumps(to_json(state)))
