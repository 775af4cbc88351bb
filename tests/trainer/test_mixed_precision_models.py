"""Models that were saved while they trained in half precision: of Keras 2, and of Keras 3 with names of Keras 2."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras")

import h5py  # after the skip above
import keras

from loghi_contract.tokenizer import TOKENIZER_FILE, Tokenizer, format_tokenizer
from loghi_trainer.errors import DataError
from loghi_trainer.keras2 import rebuild_keras2
from tests.trainer.made_jobs import ALPHABET

pytestmark = pytest.mark.tf

POLICY = {
    "module": "keras.mixed_precision",
    "class_name": "Policy",
    "config": {"name": "mixed_float16"},
    "registered_name": None,
}
RANDOM = np.random.default_rng(1)
KERNEL, BIAS = RANDOM.normal(size=(3, 3, 1, 2)).astype("float32"), RANDOM.normal(size=2).astype("float32")
DENSE, DENSE_BIAS = RANDOM.normal(size=(2, 4)).astype("float32"), RANDOM.normal(size=4).astype("float32")


def keras2_archive(file: Path, dtype: object) -> None:
    """As Keras 2.15 writes one: names of layers by class, arrays by number."""

    def layer(class_name: str, name: str, **config: Any) -> dict[str, Any]:
        return {"class_name": class_name, "config": {"name": name, "dtype": dtype, **config}}

    layers = [
        layer("InputLayer", "image", batch_input_shape=[None, None, 8, 1], sparse=False, ragged=False),
        layer("Conv2D", "first", filters=2, kernel_size=[3, 3], padding="same", activation="elu"),
        layer("Dense", "last", units=4, activation="softmax"),
    ]
    weights = io.BytesIO()
    with h5py.File(weights, "w") as stored:
        for group, arrays in (("conv2d", (KERNEL, BIAS)), ("dense", (DENSE, DENSE_BIAS))):
            for number, array in enumerate(arrays):
                stored[f"_layer_checkpoint_dependencies/{group}/vars/{number}"] = array
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.writestr("config.json", json.dumps({"config": {"name": "model", "layers": layers}}))
        archive.writestr("model.weights.h5", weights.getvalue())


def test_a_keras_2_model_of_mixed_precision_opens_with_the_same_weights(tmp_path: Path) -> None:
    for name, dtype in (("full.keras", "float32"), ("mixed.keras", POLICY)):
        keras2_archive(tmp_path / name, dtype)
    full, mixed = rebuild_keras2(tmp_path / "full.keras"), rebuild_keras2(tmp_path / "mixed.keras")

    assert mixed.get_layer("first").dtype_policy.name == "mixed_float16"
    assert {str(weight.dtype) for weight in mixed.weights} == {"float32"}
    for ours, theirs in zip(mixed.get_weights(), full.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    image = RANDOM.normal(size=(1, 5, 8, 1)).astype("float32")
    np.testing.assert_allclose(mixed.predict_on_batch(image), full.predict_on_batch(image), atol=5e-3)


def test_a_policy_of_keras_2_in_a_file_of_keras_3_is_told_in_a_sentence(tmp_path: Path) -> None:
    from loghi_trainer.base_model import open_base_model
    from loghi_trainer.new_model import build_base_model

    folder = tmp_path / "base"
    folder.mkdir()
    tokenizer = Tokenizer.of(ALPHABET)
    (folder / TOKENIZER_FILE).write_text(format_tokenizer(tokenizer), encoding="utf-8")
    build_base_model("None,None,32,1 Cr3,3,8 Mp2,2,2,2 Rc3 Bl16 Fs11").network.save(folder / "model.keras")
    _rewrite(folder / "model.keras", '"class_name": "DTypePolicy"', '"class_name": "Policy"')
    with pytest.raises(DataError) as caught:
        open_base_model(folder)
    assert caught.value.code == "model.cannot_open"
    assert f"Keras {keras.__version__} cannot open model.keras" in caught.value.message


def _rewrite(file: Path, old: str, new: str) -> None:
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = members["config.json"].decode()
    assert old in config
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (members | {"config.json": config.replace(old, new).encode()}).items():
            archive.writestr(name, content)
