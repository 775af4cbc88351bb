"""Batch normalisation of images that passes over them once instead of twice: on a processor half the time."""

from typing import Any  # backend tensors have no common type

import keras
from keras import ops


@keras.saving.register_keras_serializable("loghi_trainer")
class OnePassNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # Keras is untyped
    """BatchNormalization with Keras's result; ask `can_run_in_one_pass` first."""

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """(batch, width, height, channels) to the same shape; where nothing is trained, scaled as a convolution of one
        pixel, into which the framework draws the shift."""
        if training:
            return super().call(inputs, training=training, mask=mask)
        scale = ops.rsqrt(self.moving_variance + self.epsilon) * self.gamma
        shift = self.beta - self.moving_mean * scale
        return ops.depthwise_conv(inputs, ops.reshape(scale, (1, 1, -1, 1))) + shift


def can_run_in_one_pass(layer: keras.layers.Layer) -> bool:
    """Whether this is a batch normalisation as Loghi builds it, over the channels of an image."""
    return (
        isinstance(layer, keras.layers.BatchNormalization)
        and len(layer.output.shape) == 4
        and layer.axis in (-1, 3)
        and layer.center
        and layer.scale
    )
