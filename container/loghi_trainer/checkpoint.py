"""The checkpoint `last`: everything that a training goes on from, so that it ends as if it had never been interrupted.

What is computed anew is not in it: an epoch's batches and what is done to its images follow from seed, epoch and line.
"""

import contextlib
import errno
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any  # backend variables have no common type

import keras
import numpy as np
from numpy.typing import NDArray

from loghi_contract.checkpoint import (
    BEST,
    CHECKPOINT_FILE,
    EARLIER_FILE,
    NETWORK,
    OPTIMIZER,
    SCALE,
    UNFINISHED_FILE,
    Checkpoint,
    TrainingState,
    write_state,
)
from loghi_contract.events import Notice
from loghi_contract.places import LAST
from loghi_contract.storage import sync_file, sync_folder
from loghi_trainer.errors import DataError

Weights = Sequence[NDArray[Any]]


class LastFolder:
    """The two newest checkpoints of a run; of a network that is compiled."""

    def __init__(self, out: Path, network: keras.Model, require_turn: Callable[[], None] = lambda: None) -> None:
        """`require_turn` is called before a checkpoint is put in place."""
        self._require_turn = require_turn
        self._folder = out / LAST
        self._network = network
        network.optimizer.build(network.trainable_variables)  # without it its state would be left out

    def write(self, state: TrainingState, best: Weights) -> None:
        """Put a checkpoint in place; the one before it is kept.

        Args:
            best: the weights of best_val.

        Raises:
            OSError: it could not be written, or would take the room that best_val needs; what was there is there.
        """
        # no parents: an out folder that was removed meanwhile is not made again
        self._folder.mkdir(exist_ok=True)
        unfinished, newest = self._folder / UNFINISHED_FILE, self._folder / CHECKPOINT_FILE
        arrays = {name: [_array(each) for each in group] for name, group in _variables(self._network).items()}
        arrays[BEST] = list(best)
        _require_room(self._folder, arrays)
        try:
            with unfinished.open("wb") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                    write_state(archive, state)
                    for name, group in arrays.items():
                        for number, array in enumerate(group):
                            with archive.open(f"{name}/{number}.npy", "w", force_zip64=True) as member:
                                np.lib.format.write_array(member, array, allow_pickle=False)
                file.flush()
                sync_file(file.fileno())
            self._require_turn()
            if newest.exists():
                newest.replace(self._folder / EARLIER_FILE)
            unfinished.replace(newest)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        sync_folder(self._folder)

    def keep_newest(self) -> None:
        """After a good end one is enough to go on with more epochs."""
        with contextlib.suppress(OSError):
            (self._folder / EARLIER_FILE).unlink(missing_ok=True)

    def restore(self, checkpoint: Checkpoint) -> list[NDArray[np.float32]]:
        """Bring network and optimizer to where the checkpoint was written; returns the weights of best_val.

        Raises:
            DataError: it is of another network.
        """
        variables = _variables(self._network)
        with zipfile.ZipFile(checkpoint.file) as archive:
            members = {name: list(_members(archive, name)) for name in (*variables, BEST)}
        if not members[SCALE] or not variables[SCALE]:
            # half precision here or there alone: the scale of its losses is found again within some steps
            variables[SCALE] = members[SCALE] = []
        for name, group in variables.items():
            _require_same_shapes(members[name], group)
        for name, group in variables.items():
            for variable, array in zip(group, members[name], strict=True):
                variable.assign(array)
        _require_same_shapes(members[BEST], self._network.weights)
        if checkpoint.file.name == EARLIER_FILE:
            # damaged, and the next one would push it into the place of the one that is whole
            checkpoint.file.with_name(CHECKPOINT_FILE).unlink(missing_ok=True)
        return members[BEST]


def not_written(error: OSError) -> Notice:
    """What is told where a disk does not take a checkpoint."""
    return Notice(
        "last.not_written",
        f"no checkpoint could be written: {error.strerror or error}; the training goes on",
        "After an interruption the run would go on from an earlier one. Free space on the output's disk.",
    )


def _variables(network: keras.Model) -> dict[str, list[Any]]:
    """All that changes while a network is trained, the random states of its layers among it, in an order that stays."""
    optimizer = network.optimizer
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    own = {id(each) for each in inner.variables}
    return {
        NETWORK: list(network.variables),
        OPTIMIZER: list(inner.variables),
        SCALE: [each for each in optimizer.variables if id(each) not in own],
    }


def _array(variable: Any) -> NDArray[Any]:
    return np.asarray(keras.ops.convert_to_numpy(variable))


def _members(archive: zipfile.ZipFile, name: str) -> Iterable[NDArray[Any]]:
    names = set(archive.namelist())
    number = 0
    while (member := f"{name}/{number}.npy") in names:
        with archive.open(member) as file:
            yield np.lib.format.read_array(file, allow_pickle=False)
        number += 1


def _require_same_shapes(arrays: Weights, variables: Sequence[Any]) -> None:
    if [each.shape for each in arrays] != [tuple(each.shape) for each in variables]:
        raise DataError(
            "resume.other_network",
            "the checkpoint is of another network than the base model makes now",
            where=str(LAST),
            hint="Go on with the base model that the run began with, or begin a new run.",
        )


def _require_room(folder: Path, arrays: dict[str, list[NDArray[Any]]]) -> None:
    """Raise OSError where a checkpoint would take the last room: the best model matters more."""
    needed = sum(array.nbytes for group in arrays.values() for array in group)
    model = sum(array.nbytes for array in arrays[BEST])
    if shutil.disk_usage(folder).free < needed + 2 * model:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
