"""Models saved by Keras 2 (Loghi 2.0), rebuilt in memory for Keras 3; the file stays as it is.

Source: the `.keras` archive of Keras 2.12-2.15, read layer by layer.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any  # Keras configs are JSON

import h5py
import keras

from loghi_trainer.errors import DataError

# arguments of Keras 2 layers that Keras 3 no longer takes
_DROPPED_ARGUMENTS = ("time_major", "implementation", "batch_input_shape", "sparse", "ragged")

_PLAIN_FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)


def rebuild_keras2(model_file: Path) -> keras.Model:
    """Rebuild a chain of Keras 2 layers in Keras 3 with the same weights.

    Raises:
        DataError: a layer cannot be rebuilt, or its weights do not fit.
    """
    with zipfile.ZipFile(model_file) as archive:
        config = json.loads(archive.read("config.json"))["config"]
        weights = io.BytesIO(archive.read("model.weights.h5"))
    try:
        network = _build(config)
        with h5py.File(weights, "r") as file:
            _copy_weights(network, config["layers"], file)
    except (KeyError, ValueError, TypeError, AttributeError, ImportError, RecursionError) as error:
        raise DataError(
            "model.keras2",
            f"{model_file.name} was saved by Keras 2 and cannot be rebuilt for Keras 3: {error}",
            where="base_model",
            hint="Convert it with Loghi's own converter, then name the new folder.",
        ) from error
    return network


def _build(config: dict[str, Any]) -> keras.Model:
    first, *rest = config["layers"]
    inputs = keras.Input(first["config"]["batch_input_shape"][1:], name=first["config"]["name"])
    x = inputs
    for layer in rest:
        x = keras.layers.deserialize(_keras3_layer(layer))(x)
    return keras.Model(inputs, x, name=config["name"])


def _keras3_layer(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer's description without what Keras 3 does not take, inner layers included."""
    config = {key: value for key, value in layer["config"].items() if key not in _DROPPED_ARGUMENTS}
    for key in ("layer", "backward_layer"):
        if isinstance(config.get(key), dict):
            config[key] = _keras3_layer(config[key])
    if isinstance(config.get("axis"), list):
        config["axis"] = config["axis"][0]
    if isinstance(config.get("dtype"), dict):
        # a layer of mixed precision; its weights are float32 all the same
        policy = {"module": "keras", "class_name": "DTypePolicy", "registered_name": None}
        config["dtype"] = {**policy, "config": {"name": config["dtype"]["config"]["name"]}}
    return {"module": "keras.layers", "class_name": layer["class_name"], "config": config, "registered_name": None}


def _copy_weights(network: keras.Model, layers: list[dict[str, Any]], file: h5py.File) -> None:
    """Keras 2 numbers the groups by class in the order of the layers: conv2d, conv2d_1, ..."""
    root = _inside(file, next((name for name in file if name.lstrip("_").startswith("layer")), "layers"))
    counts: dict[str, int] = {}
    for description in layers:
        snake = _snake(description["class_name"])
        number = counts.get(snake, 0)
        counts[snake] = number + 1
        layer = network.get_layer(description["config"]["name"])
        if not layer.weights:
            continue
        stored = _stored_weights(_inside(root, f"{snake}_{number}" if number else snake))
        if [array.shape for array in stored] != [tuple(weight.shape) for weight in layer.weights]:
            raise ValueError(f"the stored weights of {layer.name} are not of its shapes")
        layer.set_weights([array[()] for array in stored])


def _stored_weights(group: h5py.Group) -> list[h5py.Dataset]:
    """The arrays of one layer, none read yet, forward before backward, each by its number."""
    if _has(group, "forward_layer"):
        directions = (_inside(group, name) for name in ("forward_layer", "backward_layer"))
        return [array for direction in directions for array in _stored_weights(direction)]
    variables = _inside(_inside(group, "cell") if _has(group, "cell") else group, "vars")
    return [_array(variables, str(index)) for index in range(len(variables))]


def _inside(group: h5py.Group, name: str) -> Any:
    """What the group itself holds under a name; HDF5 has links that lead to other files."""
    if not _has(group, name):
        raise ValueError(f"the stored weights lack {name}")
    if group.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
        raise _elsewhere(f"{group.name}/{name} is a link")
    return group[name]


def _has(group: h5py.Group, name: str) -> bool:
    # `in` would follow a link to see whether it leads anywhere
    return isinstance(group, h5py.Group) and bool(group.id.links.exists(name.encode()))


def _array(group: h5py.Group, name: str) -> h5py.Dataset:
    """An array of numbers whose bytes are in this file; HDF5 can take them from any other file of the machine."""
    array = _inside(group, name)
    if not isinstance(array, h5py.Dataset) or array.dtype.kind != "f":
        raise ValueError(f"{group.name}/{name} is no array of numbers")
    if array.external or array.is_virtual:
        raise _elsewhere(f"{array.name} has its bytes in another file")
    # a filter of another kind is a program that HDF5 loads from the machine
    filters = array.id.get_create_plist()
    if any(filters.get_filter(index)[0] not in _PLAIN_FILTERS for index in range(filters.get_nfilters())):
        raise _elsewhere(f"{array.name} is packed by a program of its own")
    return array


def _elsewhere(fault: str) -> DataError:
    return DataError(
        "model.weights_elsewhere",
        f"the base model does not hold its own weights: {fault}",
        where="base_model",
        hint="This file was not written by Keras or Loghi. Do not use it.",
    )


def _snake(class_name: str) -> str:
    """Keras's own rule for names: MaxPooling2D -> max_pooling2d."""
    return str(keras.src.utils.naming.to_snake_case(class_name))
