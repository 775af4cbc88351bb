"""The base model, opened from its folder, which is never written to."""

from dataclasses import dataclass
from pathlib import Path

import keras

from loghi_contract.model_folder import ModelFacts, ModelFolderError, inspect_model_folder
from loghi_contract.tokenizer import Tokenizer
from loghi_trainer.errors import DataError
from loghi_trainer.keras2 import rebuild_keras2
from loghi_trainer.network import require_chain


@dataclass(frozen=True)
class BaseModel:
    """`tokenizer` is None for a network made from a specification: its charset comes from the training texts."""

    network: keras.Model
    tokenizer: Tokenizer | None
    is_keras2: bool = False

    @property
    def height_px(self) -> int:
        return int(self.network.inputs[0].shape[2])

    @property
    def channels(self) -> int:
        return int(self.network.inputs[0].shape[3])


def open_base_model(folder: Path) -> BaseModel:
    """Open a Loghi model folder.

    Raises:
        DataError: the folder is no usable Loghi model; see `loghi_contract.model_folder`.
    """
    try:
        facts = inspect_model_folder(folder)
    except ModelFolderError as error:
        raise DataError(error.code, error.message, where="base_model", hint=error.hint) from error
    network = rebuild_keras2(facts.model_file) if facts.is_keras2 else _load(facts)
    require_chain(network)
    return BaseModel(network, facts.tokenizer, facts.is_keras2)


def _load(facts: ModelFacts) -> keras.Model:
    try:
        # compile=False: Loghi's own loss and metric classes are named in the file and not needed here
        return keras.saving.load_model(facts.model_file, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, AttributeError, ImportError, OSError, RecursionError) as error:
        said = str(error).strip() or type(error).__name__
        raise DataError(
            "model.cannot_open",
            f"Keras {keras.__version__} cannot open {facts.model_file.name}, saved by Keras {facts.keras_version}: "
            f"{said.splitlines()[0]}",
            where="base_model",
            hint="If a newer Keras saved it, update loghi-runner's image.",
        ) from error
