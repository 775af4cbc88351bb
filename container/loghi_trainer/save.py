"""best_val: written beside, reopened, then put in place, so that a whole model is there at every moment.

Source: the folder Loghi HTR 2.x reads; Loghi's API needs `model_channels`, its merge tool `git_hash` and `model`.
"""

import json
import os
import shutil
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any  # Keras configs are JSON

import keras
import numpy as np
from numpy.typing import NDArray

from loghi_contract import __version__
from loghi_contract.job import JobSpec
from loghi_contract.model_folder import CONFIG_FILE, MODEL_FILE
from loghi_contract.records import to_json
from loghi_contract.tokenizer import CHARLIST_FILE, TOKENIZER_FILE, Tokenizer, format_charlist, format_tokenizer
from loghi_trainer.errors import StorageError
from loghi_trainer.images import MIN_WIDTH_PX
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
    """A model folder that Loghi opens, kept whole while `model.keras` is replaced again and again."""

    def __init__(self, folder: Path, network: keras.Model, tokenizer: Tokenizer, job: JobSpec) -> None:
        """Write what stays the same in a run; the model itself comes with `save`."""
        self.folder = folder
        # saved as float32 whatever it is trained in: any machine opens it
        self._portable = rebuilt(network, precision="float32", name=job.name)
        with _storing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _write_whole(folder / TOKENIZER_FILE, format_tokenizer(tokenizer).encode())
            _write_whole(folder / CHARLIST_FILE, format_charlist(tokenizer).encode())
            _write_whole(folder / CONFIG_FILE, _config_json(self._portable, job).encode())

    def save(self, network: keras.Model) -> None:
        """Replace the saved model by `network`, after the new file was reopened and read the same.

        Raises:
            StorageError: it could not be written; the model saved before is still there.
        """
        self._portable.set_weights(network.get_weights())
        beside = self.folder / f".new.{MODEL_FILE}"
        with _storing(self.folder):
            try:
                _write_portable(self._portable, beside)
                _require_same(keras.saving.load_model(beside, compile=False), self._portable)
                beside.replace(self.folder / MODEL_FILE)
            finally:
                beside.unlink(missing_ok=True)
            _sync_folder(self.folder)

    def saved_weights(self) -> list[NDArray[np.float32]]:
        """The weights of the model saved last."""
        return list(self._portable.get_weights())


def _write_portable(network: keras.Model, path: Path) -> None:
    """Save without the keys that older Keras refuses; metadata and weights are copied as they are."""
    raw = path.with_name(f".raw{path.name}")
    try:
        keras.saving.save_model(network, raw)
        with zipfile.ZipFile(raw) as source, path.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as target:
                for member in source.infolist():
                    if member.filename == "config.json":
                        config = _without_newer_keys(json.loads(source.read(member)))
                        config.pop("compile_config", None)  # nothing to compile with: no optimizer is kept
                        target.writestr(member.filename, json.dumps(config))
                    else:
                        with source.open(member) as read, target.open(member.filename, "w", force_zip64=True) as write:
                            shutil.copyfileobj(read, write, 1024 * 1024)
            file.flush()
            os.fsync(file.fileno())
    finally:
        raw.unlink(missing_ok=True)


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


def _write_whole(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
