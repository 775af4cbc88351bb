"""Which epoch of its run a saved model is, and from what line images it learnt.

Written into the `.keras` file itself, so that the model and what is said of it are replaced in one step: a
key of metadata.json, which no Keras reads when it opens a model; a further member of the zip would make Keras unpack
all of it.  Source: Keras 3.9 to 3.15, `saving_lib`.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loghi_contract.cut import Cut
from loghi_contract.model_folder import BROKEN_ARCHIVE
from loghi_contract.records import RecordError, from_json, to_json

METADATA_MEMBER: Final = "metadata.json"

_KEY = "loghi_runner"
_MAX_METADATA_BYTES = 1024 * 1024


@dataclass(frozen=True)
class SavedEpoch:
    """`val_cer` is a fraction on the validation lines, None where the epoch was saved before it was scored.

    `cut` and `straighten` are those of the lines that the model learnt from (`loghi_contract.job.Way`).
    """

    epoch: int
    val_cer: float | None = None
    cut: Cut | None = None
    straighten: bool = False


def with_saved_epoch(metadata: bytes, saved: SavedEpoch) -> str:
    """The content of metadata.json, as Keras wrote it, with the epoch added."""
    return json.dumps({**json.loads(metadata), _KEY: to_json(saved)})


def read_saved_epoch(model_file: Path) -> SavedEpoch | None:
    """The epoch that the file says it is; None where it is not there, cannot be read, or says nothing of it."""
    try:
        with zipfile.ZipFile(model_file) as archive:
            if archive.getinfo(METADATA_MEMBER).file_size > _MAX_METADATA_BYTES:
                return None
            metadata = json.loads(archive.read(METADATA_MEMBER))
        return from_json(SavedEpoch, metadata[_KEY], allow_unknown=True)
    except (*BROKEN_ARCHIVE, RecordError, KeyError, TypeError, RecursionError):
        return None
