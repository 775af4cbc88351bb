"""best_val: written beside it, reopened, then put in place, so that a whole model is there at every moment.

Source: the folder Loghi HTR 2.x reads; Loghi's API needs `model_channels`, its merge tool `git_hash` and `model`.
"""

import json
import shutil
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any  # Keras configs are JSON

import keras
import numpy as np
from numpy.typing import NDArray

from loghi_contract import __version__
from loghi_contract.job import JobSpec
from loghi_contract.language_model import FACTS_FILE, LM_DIR, NGRAMS_FILE, format_facts
from loghi_contract.model_folder import BROKEN_ARCHIVE, CONFIG_FILE, MODEL_FILE
from loghi_contract.places import BEST_VAL, SAVING_DIR
from loghi_contract.records import to_json
from loghi_contract.saved_epoch import METADATA_MEMBER, SavedEpoch, read_saved_epoch, with_saved_epoch
from loghi_contract.storage import sync_file, sync_folder, write_through
from loghi_contract.tokenizer import CHARLIST_FILE, TOKENIZER_FILE, Tokenizer, format_charlist, format_tokenizer
from loghi_trainer.checkpoint import Weights
from loghi_trainer.errors import StorageError
from loghi_trainer.images import MIN_WIDTH_PX
from loghi_trainer.learnt_texts import LearntTexts
from loghi_trainer.network import rebuilt

# keys that Keras 3.15 writes and 3.9 or 3.13 refuse; without them the layers are the same
_NEWER_KEYS = (
    "input_axes",
    "output_axes",
    "renorm",
    "renorm_clipping",
    "renorm_momentum",
    "quantization_config",
)
# as near as two openings of the same weights come on one machine
_TOLERANCE = 1e-5


class ModelFolder:
    """A model folder that Loghi opens, kept whole while `model.keras` is replaced again and again.

    Nothing but the model's own files is ever in it: each is written in a folder beside, gone between two saves.
    """

    def __init__(
        self,
        out: Path,
        network: keras.Model,
        tokenizer: Tokenizer,
        job: JobSpec,
        learnt: LearntTexts,
        require_turn: Callable[[], None] = lambda: None,
    ) -> None:
        """Write what stays the same in a run; the model itself comes with `save`.

        Args:
            out: the run's out folder.
            require_turn: called before each file is put in place.
        """
        self._require_turn = require_turn
        self._folder = out / BEST_VAL
        self._job = job
        self._beside = out / SAVING_DIR
        # saved as float32 whatever it is trained in: any machine opens it
        self._portable = rebuilt(network, precision="float32", name=job.name)
        unchanging = {
            TOKENIZER_FILE: format_tokenizer(tokenizer),
            CHARLIST_FILE: format_charlist(tokenizer),
            CONFIG_FILE: _config_json(self._portable, job),
        }
        with _storing(self._folder):
            self._folder.parent.mkdir(exist_ok=True)
            self._folder.mkdir(exist_ok=True)
            self._put({name: text.encode() for name, text in unchanging.items()}, self._folder)
        self.save_learnt(learnt)

    def save(self, weights: Weights, saved: SavedEpoch) -> None:
        """Replace the saved model by one with these weights, after the new file was reopened and read the same.

        Args:
            weights: of the network that this folder is for.
            saved: the epoch that they are; the file itself says so from then on.

        Raises:
            StorageError: it could not be written; the model saved before is still there.
        """
        self._portable.set_weights(weights)
        beside = self._beside / MODEL_FILE
        with _storing(self._folder), self._written_beside():
            _write_portable(self._portable, self._with_lines(saved), beside)
            _require_same(keras.saving.load_model(beside, compile=False), self._portable)
            self._require_turn()
            beside.replace(self._folder / MODEL_FILE)

    def save_learnt(self, learnt: LearntTexts) -> None:
        """Put the language model beside the model, in a folder that Loghi does not look at.

        Raises:
            StorageError: it could not be written.
        """
        folder = self._folder / LM_DIR
        with _storing(self._folder):
            folder.mkdir(exist_ok=True)
            # the facts last: they name the counts by their hash
            self._put({NGRAMS_FILE: learnt.packed, FACTS_FILE: format_facts(learnt.facts).encode()}, folder)

    def settle(self) -> None:
        """Let what was saved outlast a power cut, as far as the file system can promise that.

        Raises:
            StorageError: the disk has a fault.
        """
        with _storing(self._folder):
            sync_folder(self._folder)

    def find_better(self, than_cer: float) -> SavedEpoch | None:
        """The model that an earlier trainer has left here, where it is whole and better; `saved_weights` are its."""
        saved = read_saved_epoch(self._folder / MODEL_FILE)
        if saved is None or saved.val_cer is None or saved.val_cer >= than_cer:
            return None
        try:
            there = keras.saving.load_model(self._folder / MODEL_FILE, compile=False)
            self._portable.set_weights(there.get_weights())
        except (*BROKEN_ARCHIVE, ValueError):
            return None
        return saved

    def _with_lines(self, saved: SavedEpoch) -> SavedEpoch:
        """With what whoever cuts lines for the model must know."""
        return replace(saved, cut=self._job.cut, straighten=self._job.straighten)

    def saved_weights(self) -> list[NDArray[np.float32]]:
        """The weights of the model saved last."""
        return list(self._portable.get_weights())

    def _put(self, files: dict[str, bytes], folder: Path) -> None:
        with self._written_beside():
            for name, content in files.items():
                write_through(self._beside / name, content)
                self._require_turn()
                (self._beside / name).replace(folder / name)

    @contextmanager
    def _written_beside(self) -> Iterator[None]:
        self._require_turn()
        # of a trainer that was killed in the middle of a save
        shutil.rmtree(self._beside, ignore_errors=True)
        self._beside.mkdir(exist_ok=True)
        try:
            yield
        finally:
            shutil.rmtree(self._beside, ignore_errors=True)


def _write_portable(network: keras.Model, saved: SavedEpoch, path: Path) -> None:
    """Save without the keys that older Keras refuses, and with the epoch; the weights are copied as they are."""
    raw = path.with_name(f"raw.{path.name}")
    keras.saving.save_model(network, raw)
    with zipfile.ZipFile(raw) as source, path.open("wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as target:
            for member in source.infolist():
                if member.filename == "config.json":
                    config = _without_newer_keys(json.loads(source.read(member)))
                    config.pop("compile_config", None)  # nothing to compile with: no optimizer is kept
                    target.writestr(member.filename, json.dumps(config))
                elif member.filename == METADATA_MEMBER:
                    target.writestr(member.filename, with_saved_epoch(source.read(member), saved))
                else:
                    with source.open(member) as read, target.open(member.filename, "w", force_zip64=True) as write:
                        shutil.copyfileobj(read, write, 1024 * 1024)
        file.flush()
        sync_file(file.fileno())


def _without_newer_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_newer_keys(item) for key, item in value.items() if key not in _NEWER_KEYS}
    if isinstance(value, list):
        return [_without_newer_keys(item) for item in value]
    return value


def _require_same(reopened: keras.Model, network: keras.Model) -> None:
    """Raise OSError unless both read one made line alike: the file on disk is the model in memory."""
    _, _, height_px, channels = network.inputs[0].shape
    line = np.linspace(-0.5, 0.5, MIN_WIDTH_PX * height_px * channels, dtype=np.float32)
    line = line.reshape(1, MIN_WIDTH_PX, height_px, channels)
    there, here = reopened.predict_on_batch(line), network.predict_on_batch(line)
    if not np.allclose(there, here, atol=_TOLERANCE):
        raise OSError("the file on disk does not hold the model that was saved")


def _config_json(network: keras.Model, job: JobSpec) -> str:
    summary: list[str] = []
    network.summary(print_fn=summary.append)
    training = to_json(job.training) | {"charset": job.charset.value, "normalization": job.normalization.value}
    config = {
        "git_hash": f"loghi-runner {__version__}",
        "model": ["\n".join(summary)],
        "model_name": job.name,
        "model_channels": int(network.inputs[0].shape[3]),
        "notes": "",
        "url_code": "",
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"loghi-runner/{job.run_id}")),
        "args": {"training": training},
    }
    return json.dumps(config, ensure_ascii=False, indent=4)


@contextmanager
def _storing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            "storage.cannot_save",
            f"the model could not be saved: {error.strerror or error}",
            where=folder.name,
            hint="Free space on the output's disk, or name another `output`; what was saved before is kept.",
        ) from error
