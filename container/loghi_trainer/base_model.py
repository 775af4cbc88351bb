"""The base model: opened from its folder, or made from a specification; the folder is never written to."""

import re
from dataclasses import dataclass
from pathlib import Path

import keras
from vgslify.generator import VGSLModelGenerator

from loghi_contract.model_folder import ModelFacts, ModelFolderError, inspect_model_folder
from loghi_contract.networks import LIBRARY
from loghi_contract.tokenizer import Tokenizer
from loghi_trainer.errors import DataError
from loghi_trainer.keras2 import rebuild_keras2
from loghi_trainer.network import require_chain

# `Bl256,D50`: today's reader takes the number of units and leaves the dropout out without a word
_OLD_DROPOUT = re.compile(r"\bB[lg]\d+,D\d+")


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


def build_base_model(vgsl: str) -> BaseModel:
    """Make a fresh network from a VGSL specification or a library name.

    Raises:
        DataError: the specification cannot be read, or is not a line network.
    """
    specification = LIBRARY.get(vgsl, vgsl)
    old = _OLD_DROPOUT.search(specification)
    if old is not None:
        raise DataError(
            "model.vgsl",
            f"{old[0]} is an older spelling, whose dropout would be lost",
            where="base_model.vgsl",
            hint=f"Write the dropout as a layer of its own: {old[0].replace(',', ' ')}",
        )
    try:
        network = VGSLModelGenerator(backend="tensorflow").generate_model(specification, model_name="loghi_model")
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(
            "model.vgsl",
            f"the network specification cannot be read: {error}",
            where="base_model.vgsl",
            hint=f"Use one of {', '.join(LIBRARY)}, or a VGSL specification such as "
            "'None,None,64,1 Cr3,3,16 Mp2,2,2,2 Bn Rc3 Bl64 D50 Fs92'.",
        ) from error
    require_chain(network)
    return BaseModel(network, None)


def _load(facts: ModelFacts) -> keras.Model:
    try:
        # compile=False: Loghi's own loss and metric classes are named in the file and not needed here
        return keras.saving.load_model(facts.model_file, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise DataError(
            "model.cannot_open",
            f"Keras {keras.__version__} cannot open {facts.model_file.name}, saved by Keras {facts.keras_version}: "
            f"{str(error).splitlines()[0]}",
            where="base_model",
            hint="If a newer Keras saved it, update loghi-runner's image.",
        ) from error
