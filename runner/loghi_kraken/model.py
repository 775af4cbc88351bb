"""The entry point `kraken.models`: a Loghi model as kraken sees it."""

import os
import tempfile
from collections.abc import Iterator
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any  # kraken is not typed

import torch
from kraken.models.base import RecognitionBaseModel
from PIL import Image

from loghi_contract.language_model import read_facts
from loghi_contract.model_file import ModelMarker, unpack_model_file
from loghi_contract.model_folder import inspect_model_folder
from loghi_kraken.lines import cut_page
from loghi_kraken.records import record_of

if TYPE_CHECKING:
    from loghi_kraken.reader import Reader

logger = getLogger(__name__)

#: The result does not depend on it, and kraken's own default of one line at a time is slow.
_MIN_BATCH = 16


class LoghiModel(RecognitionBaseModel):  # type: ignore[misc]  # kraken is not typed
    """Recognizes lines; the network is opened when kraken prepares it, on the device that kraken names.

    Raises:
        ModelFolderError, LanguageModelError, OSError: the file cannot be used.
    """

    _kraken_min_version = "7.0"
    seg_type = "baselines"

    def __init__(self, path: Path, marker: ModelMarker) -> None:
        self._path = path.absolute()
        self._marker = marker
        self._reader: Reader | None = None
        self._opened_for: tuple[str, int] | None = None
        with tempfile.TemporaryDirectory(prefix="loghi-") as folder:
            unpack_model_file(path, Path(folder))
            inspect_model_folder(Path(folder))
            learnt = read_facts(Path(folder))
        self.user_metadata: dict[str, Any] = {"name": marker.name, "made_by": marker.made_by, "cut": marker.cut.value}
        self.user_metadata["language_model"] = learnt is not None and learnt.helps
        if marker.val_cer is not None:
            # kraken speaks of accuracy, by epoch; the epoch is not kept
            self.user_metadata["metrics"] = [(0, {"val_accuracy": 1 - marker.val_cer})]
            self.user_metadata["accuracy"] = [(0, 1 - marker.val_cer)]

    @property
    def model_type(self) -> list[str]:
        return ["recognition"]

    def prepare_for_inference(self, config: Any) -> None:
        """Open the network, once for a device and a batch size."""
        if config.precision != "32-true":
            logger.warning("Loghi models are read with 32 bits; the precision %s is not used", config.precision)
        wanted = _device_name(config.accelerator, config.device), max(config.batch_size, _MIN_BATCH)
        if self._opened_for != wanted:
            self._reader = self._open(*wanted)
            self._opened_for = wanted

    def predict(self, im: Image.Image, segmentation: Any) -> Iterator[Any]:
        """One kraken record for each line, in order; empty where a line cannot be cut out of the page."""
        if self._reader is None:
            raise ValueError("prepare_for_inference comes first")
        images = cut_page(im, segmentation, self._marker.cut)
        read = self._reader.read({number: image.png for number, image in images.items()})
        for number, line in enumerate(segmentation.lines):
            image = images.get(number)
            yield record_of(line, read.get(number, ()), image.width_px if image else 0, self._marker.cut)

    def state_dict(self) -> dict[str, Any]:
        raise NotImplementedError("a Loghi model is not saved by kraken: `loghi-runner export` writes it")

    def load_state_dict(self) -> None:
        raise NotImplementedError("a Loghi model is opened from its file")

    def _open(self, device: str, batch_size: int) -> "Reader":
        # Keras chooses its backend when it is imported, and would take TensorFlow, which is not here
        os.environ.setdefault("KERAS_BACKEND", "torch")
        from loghi_kraken.reader import Reader

        with tempfile.TemporaryDirectory(prefix="loghi-") as folder:
            unpack_model_file(self._path, Path(folder))
            return Reader(Path(folder), device, batch_size, straightened=self._marker.straighten)


def _device_name(accelerator: str, devices: Any) -> str:
    """Keras's name for the device of kraken's (Lightning's) config."""
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    number = devices[0] if isinstance(devices, (list, tuple)) and devices else 0
    return {"cpu": "cpu", "gpu": f"cuda:{number}", "cuda": f"cuda:{number}"}.get(accelerator, accelerator)
