"""What came out of a run, in forms that can be held against another's: its weights, its epochs, its readings."""

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loghi_contract.events import Epoch
from loghi_contract.model_folder import BROKEN_ARCHIVE

#: Beside it a `.keras` file holds when it was saved. Source: Keras 3, `saving_lib`.
_WEIGHTS = "model.weights.h5"
_BLOCK = 1 << 20


def weights_sha256(model_file: Path) -> str | None:
    """Of all weights of a model; None where the file is not there, or no model."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(model_file) as archive, archive.open(_WEIGHTS) as weights:
            while block := weights.read(_BLOCK):
                digest.update(block)
    except (*BROKEN_ARCHIVE, KeyError):
        return None
    return digest.hexdigest()


def epoch_table(epochs: Sequence[Epoch]) -> list[Epoch]:
    """The rows without what no two runs have in common: how long an epoch took, and how many were planned."""
    return [replace(epoch, seconds=0.0, epochs=0) for epoch in epochs]
