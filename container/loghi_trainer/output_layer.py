"""The output layer for a new charset: trained rows stay bit for bit, new ones start from look-alikes."""

import keras
import numpy as np
from numpy.typing import NDArray

from loghi_contract.job import CharsetPolicy
from loghi_contract.tokenizer import Tokenizer
from loghi_trainer.base_model import BaseModel
from loghi_trainer.charset import CharsetPlan
from loghi_trainer.network import output_layer, rebuilt

# a new letter starts with a tenth of its look-alike's probability, so the base model's reading hardly changes
_NEW_CLASS_BIAS = -float(np.log(10.0))


def fit_output_layer(
    base: BaseModel, plan: CharsetPlan, policy: CharsetPolicy, *, precision: str, for_processor: bool
) -> keras.Model:
    """The base network with an output layer for `plan.tokenizer`.

    With `extend` every known class keeps its weights; with `replace`, and from scratch, all classes start afresh.
    """
    classes = None if base.tokenizer == plan.tokenizer else plan.tokenizer.classes
    network = rebuilt(base.network, precision=precision, classes=classes, for_processor=for_processor)
    if classes is None:
        return network
    if base.tokenizer is not None and policy is not CharsetPolicy.REPLACE:
        kernel, bias = output_layer(base.network).get_weights()
        output_layer(network).set_weights(extended_weights(kernel, bias, base.tokenizer, plan))
    return network


def extended_weights(
    kernel: NDArray[np.float32], bias: NDArray[np.float32], base: Tokenizer, plan: CharsetPlan
) -> list[NDArray[np.float32]]:
    """Kernel (features, classes) and bias (classes,) with the added characters before the blank.

    A character without a look-alike starts from the mean of all letters.
    """
    letters = slice(1, base.blank)
    new_kernel, new_bias = [], []
    for character in plan.added:
        alike = plan.look_alikes[character]
        if alike is None:
            new_kernel.append(kernel[:, letters].mean(axis=1))
            new_bias.append(bias[letters].mean() + _NEW_CLASS_BIAS)
        else:
            label = base.encode(alike)[0]
            new_kernel.append(kernel[:, label])
            new_bias.append(bias[label] + _NEW_CLASS_BIAS)
    columns = np.stack(new_kernel, axis=1).astype(kernel.dtype)
    return [
        # the blank stays last: Loghi models are trained that way
        np.concatenate([kernel[:, : base.blank], columns, kernel[:, base.blank :]], axis=1),
        np.concatenate([bias[: base.blank], np.asarray(new_bias, bias.dtype), bias[base.blank :]]),
    ]
