"""A network to be trained from scratch, made from a specification."""

import re

from vgslify.generator import VGSLModelGenerator

from loghi_contract.networks import LIBRARY
from loghi_trainer.base_model import BaseModel
from loghi_trainer.errors import DataError
from loghi_trainer.network import require_chain

# `Bl256,D50`: today's reader takes the number of units and leaves the dropout out without a word
_OLD_DROPOUT = re.compile(r"\bB[lg]\d+,D\d+")


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
