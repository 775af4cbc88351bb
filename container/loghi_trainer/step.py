"""One training step of a logical batch in parts, each on a core or card of its own.

The parts share what makes a batch one: the statistics of batch normalisation, one loss, one summed gradient, one
step of the optimizer. What comes out is the undivided batch's, but for the order of additions; dropout draws for each
part anew.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from importlib import import_module
from typing import Any  # backend tensors have no common type

import keras
import numpy as np
from keras import ops

from loghi_trainer.ctc import ctc_loss
from loghi_trainer.dataset import TrainingBatch

#: One training step in place; returns the mean of the lines' weighted losses before it.
Step = Callable[[TrainingBatch], float]


def make_step(network: keras.Model, optimizer: keras.optimizers.Optimizer, places: Sequence[str | None]) -> Step:
    """The step that trains `network`, a chain of layers, with `optimizer`.

    Args:
        places: a device's name for each part of a batch; None leaves the choice to the framework. Backends other
            than TensorFlow take a batch undivided.
    """
    network.compile(optimizer=optimizer, loss=ctc_loss, jit_compile=False)
    if keras.backend.backend() != "tensorflow":
        return lambda batch: float(np.asarray(network.train_on_batch(batch.images, batch.labels, batch.weights)))
    # wrapped by now, where half precision needs its losses scaled
    return _TensorFlowStep(network, network.optimizer, places)


class _TensorFlowStep:
    """Made ready once for each number of parts: for any number of lines of any width.

    Keras's own `train_on_batch` makes itself ready for the first batch's size and then again for any, and
    `jit_compile` would for every width.
    """

    def __init__(self, network: keras.Model, optimizer: Any, places: Sequence[str | None]) -> None:
        self._network = network
        self._optimizer = optimizer
        self._places = places
        self._ready: dict[int, Any] = {}
        optimizer.build(network.trainable_variables)

    def __call__(self, batch: TrainingBatch) -> float:
        # the odd batch of an epoch may have fewer lines than there are parts
        parts = min(len(self._places), len(batch.images))
        if parts not in self._ready:
            self._ready[parts] = self._made_ready(parts)
        return float(self._ready[parts](batch.images, batch.labels, batch.weights))

    def _made_ready(self, parts: int) -> Any:
        tensorflow = import_module("tensorflow")
        signature = [
            tensorflow.TensorSpec(self._network.inputs[0].shape, tensorflow.float32),
            tensorflow.TensorSpec((None, None), tensorflow.int32),
            tensorflow.TensorSpec((None,), tensorflow.float32),
        ]
        variables = self._network.trainable_variables

        def step(images: Any, labels: Any, weights: Any) -> Any:
            with tensorflow.GradientTape() as tape:
                loss = self._loss(images, labels, weights, self._places[:parts])
                scaled = self._optimizer.scale_loss(loss)
            self._optimizer.apply(tape.gradient(scaled, variables), variables)
            return loss

        return tensorflow.function(step, input_signature=signature, autograph=False)

    def _loss(self, images: Any, labels: Any, weights: Any, places: Sequence[str | None]) -> Any:
        """As Keras counts it: the sum over the lines by their number, and what layers add for their weights."""
        own_images, own_labels, own_weights = (_parts(tensor, places) for tensor in (images, labels, weights))
        probabilities = _through(self._network, own_images, places)
        losses = _on_each(places, _weighted_loss, own_labels, probabilities, own_weights)
        return sum(losses) / ops.cast(ops.shape(images)[0], "float32") + sum(self._network.losses)


def _weighted_loss(labels: Any, probabilities: Any, weights: Any) -> Any:
    return ops.sum(ctc_loss(labels, probabilities) * weights)


def _through(network: keras.Model, parts: Sequence[Any], places: Sequence[str | None]) -> Sequence[Any]:
    """What the network makes of the parts of one batch, layer by layer."""
    for layer in network.layers[1:]:
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            parts = _normalized(layer, parts, places)
        else:
            parts = _on_each(places, partial(layer, training=True), parts)
    return parts


def _normalized(
    layer: keras.layers.BatchNormalization, parts: Sequence[Any], places: Sequence[str | None]
) -> list[Any]:
    """The parts normalised by the mean and variance of all of them; the layer remembers these as it does its own.

    Source: keras.layers.BatchNormalization.call, which computes in float32 whatever comes in.
    """
    parts = [ops.cast(part, "float32") for part in parts]
    axes = [axis for axis in range(len(parts[0].shape)) if axis != layer.axis % len(parts[0].shape)]
    values = sum(ops.cast(ops.size(part), "float32") for part in parts) / parts[0].shape[layer.axis]
    mean = sum(ops.sum(part, axes) for part in parts) / values
    around = ops.reshape(mean, [1 if axis in axes else -1 for axis in range(len(parts[0].shape))])
    variance = sum(ops.sum(ops.square(part - around), axes) for part in parts) / values
    for moving, now in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign(moving * layer.momentum + now * (1.0 - layer.momentum))

    def normalize(part: Any) -> Any:
        found = ops.batch_normalization(part, mean, variance, layer.axis, layer.beta, layer.gamma, layer.epsilon)
        return ops.cast(found, layer.compute_dtype)

    return _on_each(places, normalize, parts)


def _parts(tensor: Any, places: Sequence[str | None]) -> list[Any]:
    """The lines of a tensor, a part for each place; none is empty while there are as many lines as places."""
    lines, count = ops.shape(tensor)[0], len(places)
    return [tensor[lines * place // count : lines * (place + 1) // count] for place in range(count)]


def _on_each(places: Sequence[str | None], compute: Callable[..., Any], *parts: Sequence[Any]) -> list[Any]:
    """What is computed of each part at its own place."""
    outputs = []
    for name, *own in zip(places, *parts, strict=True):
        with nullcontext() if name is None else import_module("tensorflow").device(name):
            outputs.append(compute(*own))
    return outputs
