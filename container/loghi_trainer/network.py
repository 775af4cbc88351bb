"""Facts and transformations of a Loghi network, a plain chain of layers from line image to softmax."""

from typing import Any, NamedTuple  # Keras configs are JSON

import keras

from loghi_contract.networks import LAYERS, WHICH_LAYERS
from loghi_trainer.errors import DataError
from loghi_trainer.normalization import OnePassNormalization, can_run_in_one_pass
from loghi_trainer.recurrent import SideBySideLSTM, can_run_side_by_side

RECURRENT_LAYERS = (keras.layers.Bidirectional, keras.layers.LSTM, keras.layers.GRU)

# Keras's layer, what does the same faster on a processor, and whether it can
_FAST_LAYERS = (
    (keras.layers.Bidirectional, SideBySideLSTM, can_run_side_by_side),
    (keras.layers.BatchNormalization, OnePassNormalization, can_run_in_one_pass),
)


class Window(NamedTuple):
    """What a layer sees of a line at a time: so many columns, so many further the next time; and Keras's padding."""

    size: int
    stride: int
    padding: str


def require_chain(model: keras.Model) -> None:
    """Raise DataError unless the network is a chain of the layers Loghi builds from a specification."""
    foreign = [layer.name for layer in model.layers if type(layer).__name__ not in LAYERS]
    branching = [layer.name for layer in model.layers if len(layer._inbound_nodes) > 1]
    if foreign or branching:
        raise DataError(
            "model.not_a_chain",
            f"the base model has a layer that loghi-runner does not know: {(foreign or branching)[0]}",
            hint=WHICH_LAYERS,
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
        for_processor: take what gives the same faster on a processor: `SideBySideLSTM`, `OnePassNormalization`, and
            relu after pooling. Otherwise the layers are Keras's own, in Loghi's order.
    """
    described = model.get_config()["layers"]
    output = output_layer(model)
    for layer, description in zip(model.layers, described, strict=True):
        _set_dtype(description, precision)
        if layer is output and classes is not None:
            description["config"]["units"] = classes
        description |= _class_entry(layer, for_processor)
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
        frames = frames_after(layer, frames)
    return int(frames)


def frames_after(layer: keras.layers.Layer, frames: Any) -> Any:
    """How many time steps a layer makes of `frames`, a number or a tensor."""
    window = window_of(layer)
    if window is None:
        return frames
    if window.padding == "same":
        return (frames + window.stride - 1) // window.stride
    return (frames - window.size) // window.stride + 1


def window_of(layer: keras.layers.Layer) -> Window | None:
    """The window of a layer that slides along the line; None for all others."""
    if isinstance(layer, keras.layers.Conv2D):
        return Window(layer.kernel_size[0], layer.strides[0], layer.padding)
    if isinstance(layer, (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)):
        return Window(layer.pool_size[0], layer.strides[0], layer.padding)
    return None


def _class_entry(layer: keras.layers.Layer, for_processor: bool) -> dict[str, Any]:
    """The entries of a layer's config that say which class it is, where there are two to choose from."""
    for plain, fast, is_possible in _FAST_LAYERS:
        if isinstance(layer, plain):
            if for_processor and is_possible(layer):
                registered = keras.saving.get_registered_name(fast)
                return {"module": fast.__module__, "class_name": fast.__name__, "registered_name": registered}
            return {"module": "keras.layers", "class_name": plain.__name__, "registered_name": None}
    return {}


def _set_dtype(layer: dict[str, Any], precision: str) -> None:
    layer["config"]["dtype"] = precision
    for key in ("layer", "backward_layer"):
        if isinstance(layer["config"].get(key), dict):
            _set_dtype(layer["config"][key], precision)
