"""Facts and transformations of a Loghi network, a plain chain of layers from line image to softmax."""

from typing import Any  # Keras configs are JSON

import keras
from keras import ops

from loghi_trainer.errors import DataError
from loghi_trainer.recurrent import SideBySideLSTM, can_run_side_by_side

# lower than anything a network of this kind has between its layers, and within float16
_BEYOND = -1e4

_CHAIN_LAYERS = (
    "InputLayer",
    "Conv2D",
    "Activation",
    "ReLU",
    "LeakyReLU",
    "MaxPooling2D",
    "AveragePooling2D",
    "BatchNormalization",
    "Reshape",
    "Bidirectional",
    "LSTM",
    "GRU",
    "Dropout",
    "SpatialDropout2D",
    "Dense",
)


def require_chain(model: keras.Model) -> None:
    """Raise DataError unless the network is a chain of the layers Loghi builds from a specification."""
    foreign = [layer.name for layer in model.layers if type(layer).__name__ not in _CHAIN_LAYERS]
    branching = [layer.name for layer in model.layers if len(layer._inbound_nodes) > 1]
    if foreign or branching:
        raise DataError(
            "model.not_a_chain",
            f"the base model has a layer that loghi-runner does not know: {(foreign or branching)[0]}",
            hint="Networks made of convolution, pooling, batch normalisation, LSTM/GRU, dropout and dense layers work.",
        )


def rebuilt(
    model: keras.Model,
    *,
    precision: str,
    classes: int | None = None,
    name: str | None = None,
    for_processor: bool = False,
) -> keras.Model:
    """The same chain of layers, built anew with the same weights.

    Args:
        precision: a Keras dtype policy for all layers but the softmax, which stays float32.
        classes: another number of output classes; the output layer's weights are then fresh.
        for_processor: take what gives the same faster on a processor: `SideBySideLSTM`, and relu after pooling.
            Otherwise the layers are Keras's own, in Loghi's order.
    """
    described = model.get_config()["layers"]
    output = output_layer(model)
    for layer, description in zip(model.layers, described, strict=True):
        _set_dtype(description, precision)
        if layer is output and classes is not None:
            description["config"]["units"] = classes
        if isinstance(layer, keras.layers.Bidirectional):
            description |= _class_entry(for_processor and can_run_side_by_side(layer))
    described[-1]["config"]["dtype"] = "float32"
    inputs = keras.Input(batch_shape=model.inputs[0].shape, name=described[0]["config"]["name"])
    x = inputs
    for description in _ordered(described[1:], relu_last=for_processor):
        x = keras.layers.deserialize(description)(x)
    twin = keras.Model(inputs, x, name=name or model.name)
    for layer in model.layers:
        if layer is not output or classes is None:
            twin.get_layer(layer.name).set_weights(layer.get_weights())
    return twin


def _ordered(described: list[dict[str, Any]], *, relu_last: bool) -> list[dict[str, Any]]:
    """Neighbouring relu and max pooling in the order wished for: they give the same in both, to the bit.

    Pooling first leaves relu a quarter of the values.
    """
    ordered = list(described)
    wished = (_is_max_pooling, _is_relu) if relu_last else (_is_relu, _is_max_pooling)
    for i in range(len(ordered) - 1):
        if wished[1](ordered[i]) and wished[0](ordered[i + 1]):
            ordered[i], ordered[i + 1] = ordered[i + 1], ordered[i]
    return ordered


def _is_relu(description: dict[str, Any]) -> bool:
    return (description["class_name"], description["config"].get("activation")) == ("Activation", "relu")


def _is_max_pooling(description: dict[str, Any]) -> bool:
    class_name: str = description["class_name"]
    return class_name == "MaxPooling2D"


def output_layer(model: keras.Model) -> keras.layers.Dense:
    return next(layer for layer in reversed(model.layers) if isinstance(layer, keras.layers.Dense))


def frames_of(model: keras.Model, width_px: int) -> int:
    """Time steps the network makes of a line of `width_px` pixels."""
    frames = width_px
    for layer in model.layers:
        frames = _frames_after(layer, frames)
    return int(frames)


def can_hide_padding(model: keras.Model) -> bool:
    """Whether a line's pixels fall on the same places however wide the batch is (no padding on the left)."""
    return all(_aligned(layer) for layer in model.layers)


def padding_hidden(model: keras.Model) -> keras.Model:
    """The same network over (images, widths in pixels), in which no line feels its neighbours in the batch.

    Loghi's own networks read the filling right of a line, so their result depends on the batch. Here the filling
    is zero before every convolution, as beyond the edge of a line alone, and recurrent layers are masked:
    the result is that of a batch of one. Weights are shared with `model`.
    """
    images = keras.Input(model.inputs[0].shape[1:], dtype="float32", name="images")
    widths = keras.Input((), dtype="int32", name="widths_px")
    x, frames = images, widths
    for layer in model.layers[1:]:
        if isinstance(layer, keras.layers.Conv2D):
            x = x * _valid_pixels(x, frames)
        elif isinstance(layer, keras.layers.MaxPooling2D):
            # what is beyond the edge must not win
            x = x + _BEYOND * (1 - _valid_pixels(x, frames))
        recurrent = isinstance(layer, (keras.layers.Bidirectional, keras.layers.LSTM, keras.layers.GRU))
        x = layer(x, training=False, mask=_valid(x, frames)) if recurrent else layer(x, training=False)
        frames = _frames_after(layer, frames)
    return keras.Model([images, widths], [x, frames])


def _valid(x: Any, frames: Any) -> Any:
    """Which frames belong to the line; bool (batch, time)."""
    # the width is not known when the graph is built, so the frames are counted, not numbered
    first_feature = x[:, :, 0] if len(x.shape) == 3 else x[:, :, 0, 0]
    counted = ops.cumsum(ops.ones_like(first_feature, dtype="int32"), axis=1)
    return counted <= ops.expand_dims(frames, 1)


def _valid_pixels(x: Any, frames: Any) -> Any:
    """1 where the line is and 0 beyond its end, (batch, width, 1, 1): on a processor, sums and products with it cost
    a third of a choice between two tensors."""
    return ops.cast(ops.expand_dims(ops.expand_dims(_valid(x, frames), -1), -1), x.dtype)


def _frames_after(layer: keras.layers.Layer, frames: Any) -> Any:
    shape = _window(layer)
    if shape is None:
        return frames
    size, stride, padding = shape
    if padding == "same":
        return (frames + stride - 1) // stride
    return (frames - size) // stride + 1


def _aligned(layer: keras.layers.Layer) -> bool:
    shape = _window(layer)
    if shape is None:
        return True
    size, stride, padding = shape
    if isinstance(layer, keras.layers.AveragePooling2D):
        return padding == "valid"  # with `same`, the average at the edge is over fewer pixels
    # with `same`, the filling is shared between left and right; only these two leave the left alone
    return padding == "valid" or stride == 1 or size == stride == 2


def _window(layer: keras.layers.Layer) -> tuple[int, int, str] | None:
    """Size and stride along the width, and the padding, of a layer that slides over the image."""
    if isinstance(layer, keras.layers.Conv2D):
        return layer.kernel_size[0], layer.strides[0], layer.padding
    if isinstance(layer, (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)):
        return layer.pool_size[0], layer.strides[0], layer.padding
    return None


def _class_entry(side_by_side: bool) -> dict[str, Any]:
    """The entries of a layer's config that say which class it is."""
    if side_by_side:
        registered = keras.saving.get_registered_name(SideBySideLSTM)
        return {"module": SideBySideLSTM.__module__, "class_name": "SideBySideLSTM", "registered_name": registered}
    return {"module": "keras.layers", "class_name": "Bidirectional", "registered_name": None}


def _set_dtype(layer: dict[str, Any], precision: str) -> None:
    layer["config"]["dtype"] = precision
    for key in ("layer", "backward_layer"):
        if isinstance(layer["config"].get(key), dict):
            _set_dtype(layer["config"][key], precision)
