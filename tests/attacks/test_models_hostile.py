"""Base models made to harm: they run nothing, read nothing else of the machine, and are refused in words.

Those without the marker are looked at as the host does; the others are opened as the trainer does.
"""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any  # Keras configs are JSON

import pytest

from loghi_contract.model_folder import ModelFolderError, inspect_model_folder
from loghi_contract.tokenizer import Tokenizer, format_tokenizer, parse_charlist
from tests.attacks.hostile_files import never_waits, project  # noqa: F401  # fixtures
from tests.unit.made_project import Project

SECRET = "S" * 64


def rewrite(model: Path, member: str, change: Callable[[bytes], bytes]) -> None:
    """The same archive with one member changed."""
    with zipfile.ZipFile(model) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content[member] = change(content[member])
    with zipfile.ZipFile(model, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def change_json(model: Path, change: Callable[[Any], None], member: str = "config.json") -> None:
    def changed(content: bytes) -> bytes:
        value = json.loads(content)
        change(value)
        return json.dumps(value).encode()

    rewrite(model, member, changed)


def refusal(folder: Path) -> ModelFolderError:
    with pytest.raises(ModelFolderError) as refused:
        inspect_model_folder(folder)
    return refused.value


@pytest.mark.parametrize("height", [0, -64, 1025, 10**9, True, None, 64.0, "64", [64]])
def test_a_height_that_no_line_has_is_refused_by_check(project: Project, height: object) -> None:  # noqa: F811
    def change(config: Any) -> None:
        config["config"]["layers"][0]["config"]["batch_shape"][2] = height

    change_json(project.folder / "base/model.keras", change)
    assert refusal(project.folder / "base").code == "model.not_loghi"
    assert [finding.code for finding in project.plan().errors] == ["model.not_loghi"]


@pytest.mark.parametrize(
    "name",
    ["Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "StringLookup", "os.system", "Functional", 7, None, {}],
)
@pytest.mark.parametrize("is_inner", [False, True])
def test_layers_that_could_run_or_load_something_are_refused_by_name(
    project: Project,  # noqa: F811
    name: object,
    is_inner: bool,
) -> None:
    described = {"class_name": name, "module": "keras.layers", "config": {"name": "x"}}
    outer = {"class_name": "Bidirectional", "config": {"name": "b", "layer": described}}
    change_json(
        project.folder / "base/model.keras",
        lambda config: config["config"]["layers"].insert(1, outer if is_inner else described),
    )
    error = refusal(project.folder / "base")
    assert error.code == "model.not_a_chain"
    assert str(name) in error.message


@pytest.mark.parametrize(
    "content",
    [b"[" * 500_000, b'{"config":' * 100_000, b'{"config": {"layers": 7}}', b'{"config": []}', b"null", b"\xff\xfe"],
)
@pytest.mark.parametrize("member", ["config.json", "metadata.json"])
def test_a_description_that_is_none_is_refused_in_words(project: Project, content: bytes, member: str) -> None:  # noqa: F811
    model = project.folder / "base/model.keras"
    rewrite(model, member, lambda _: content)
    if member == "metadata.json" and content.startswith(b'{"config"') and len(content) < 1000:
        return  # an object without a version: Keras's own reader judges it
    assert refusal(project.folder / "base").message


def test_a_zip_bomb_is_refused_before_anything_is_unpacked(project: Project) -> None:  # noqa: F811
    with zipfile.ZipFile(project.folder / "base/model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", bytes(50_000_000))
    error = refusal(project.folder / "base")
    assert error.code == "model.zip_bomb"
    assert "would unpack to 50" in error.message


def test_an_archive_of_very_many_members_is_refused(project: Project) -> None:  # noqa: F811
    with zipfile.ZipFile(project.folder / "base/model.keras", "a") as archive:
        for number in range(2000):
            archive.writestr(str(number), b"")
    assert refusal(project.folder / "base").code == "model.broken_file"


def test_a_tokenizer_of_all_characters_is_read_at_once() -> None:
    """A million tokens, each looked for among all others, would take days."""
    assert len(parse_charlist("".join(map(chr, range(32, 0xD800)))).characters) > 50_000


@pytest.mark.parametrize("text", ["[" * 200_000, '{"0":' * 100_000, "1" * 100_000])
def test_a_tokenizer_that_is_none_is_refused_in_words(project: Project, text: str) -> None:  # noqa: F811
    (project.folder / "base/tokenizer.json").write_text(text, encoding="utf-8")
    assert refusal(project.folder / "base").code == "model.tokenizer"


# -- as the trainer opens them


@pytest.fixture(scope="session")
def real_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small untrained Loghi network, saved by this Keras."""
    keras = pytest.importorskip("keras", reason="the trainer's packages are not installed")
    folder = tmp_path_factory.mktemp("model") / "base"
    folder.mkdir()
    layers = keras.layers
    inputs = keras.Input((None, 64, 1))
    x = layers.Conv2D(16, (3, 3), padding="same", name="conv")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.MaxPooling2D((4, 64), name="pool")(x)
    x = layers.Reshape((-1, 16), name="reshape")(x)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="both")(x)
    x = layers.Dense(6, name="out")(x)
    keras.Model(inputs, layers.Activation("softmax", name="softmax")(x), name="small").save(folder / "model.keras")
    (folder / "tokenizer.json").write_text(format_tokenizer(Tokenizer.of("abcd")), encoding="utf-8")
    return folder


@pytest.fixture
def keras3(real_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(real_model, tmp_path / "keras3"))


@pytest.fixture
def keras2(real_model: Path, tmp_path: Path) -> Path:
    """The same, as it says that Keras 2 wrote it; its weights lie where Keras 2 has them."""
    folder = Path(shutil.copytree(real_model, tmp_path / "keras2"))

    def older(config: Any) -> None:
        for layer in config["config"]["layers"]:
            if "batch_shape" in layer["config"]:
                layer["config"]["batch_input_shape"] = layer["config"].pop("batch_shape")

    change_json(folder / "model.keras", older)
    change_json(folder / "model.keras", lambda value: value.update(keras_version="2.13.1"), "metadata.json")
    return folder


def change_weights(folder: Path, change: Callable[[Any], None]) -> None:
    import h5py

    def changed(content: bytes) -> bytes:
        memory = io.BytesIO(content)
        with h5py.File(memory, "r+") as file:
            change(file)
        return memory.getvalue()

    rewrite(folder / "model.keras", "model.weights.h5", changed)


def opening(folder: Path) -> Any:
    """The trainer's error, whatever it is; the weights that it would have learnt from."""
    from loghi_trainer.base_model import open_base_model
    from loghi_trainer.errors import DataError

    with pytest.raises(DataError) as refused:
        open_base_model(folder)
    return refused.value


@pytest.mark.tf
def test_the_made_models_open_where_nobody_changed_them(keras2: Path, keras3: Path) -> None:
    from loghi_trainer.base_model import open_base_model

    older, newer = open_base_model(keras2), open_base_model(keras3)
    assert older.is_keras2 and not newer.is_keras2
    for one, other in zip(older.network.get_weights(), newer.network.get_weights(), strict=True):
        assert (one == other).all()


def _external(file: Any, secret: Path) -> None:
    del file["layers/batch_normalization/vars/0"]
    file.create_dataset("layers/batch_normalization/vars/0", shape=(16,), dtype="f4", external=[(str(secret), 0, 64)])


def _virtual(file: Any, secret: Path) -> None:
    import h5py

    with h5py.File(secret.with_suffix(".h5"), "w") as other:
        other["x"] = [1.0] * 16
    layout = h5py.VirtualLayout(shape=(16,), dtype="f4")
    layout[:] = h5py.VirtualSource(str(secret.with_suffix(".h5")), "x", shape=(16,))
    del file["layers/batch_normalization/vars/0"]
    file.create_virtual_dataset("layers/batch_normalization/vars/0", layout)


def _linked(file: Any, secret: Path) -> None:
    import h5py

    with h5py.File(secret.with_suffix(".h5"), "w") as other:
        other["x"] = [1.0] * 16
    del file["layers/batch_normalization/vars/0"]
    file["layers/batch_normalization/vars/0"] = h5py.ExternalLink(str(secret.with_suffix(".h5")), "x")


def _linked_group(file: Any, secret: Path) -> None:
    import h5py

    del file["layers/batch_normalization"]
    file["layers/batch_normalization"] = h5py.ExternalLink(str(secret), "/")


def _soft(file: Any, _secret: Path) -> None:
    import h5py

    del file["layers/batch_normalization/vars/0"]
    file["layers/batch_normalization/vars/0"] = h5py.SoftLink("/layers/batch_normalization/vars/1")


def _huge(file: Any, _secret: Path) -> None:
    del file["layers/batch_normalization/vars/0"]
    file.create_dataset("layers/batch_normalization/vars/0", shape=(10**6, 40_000), dtype="f4", chunks=(1000, 1000))


def _texts(file: Any, _secret: Path) -> None:
    del file["layers/batch_normalization/vars/0"]
    file["layers/batch_normalization/vars/0"] = ["text"] * 16


def _nothing(file: Any, _secret: Path) -> None:
    del file["layers/batch_normalization"]


def _no_layers(file: Any, _secret: Path) -> None:
    for name in list(file):
        del file[name]


SPOILED = {
    "bytes of another file": (_external, "model.weights_elsewhere"),
    "an array of another file": (_virtual, "model.weights_elsewhere"),
    "a link to another file": (_linked, "model.weights_elsewhere"),
    "a group in another file": (_linked_group, "model.weights_elsewhere"),
    "a link inside": (_soft, "model.weights_elsewhere"),
    "160 GB": (_huge, "model.keras2"),
    "texts": (_texts, "model.keras2"),
    "a layer without weights": (_nothing, "model.keras2"),
    "no layers": (_no_layers, "model.keras2"),
}


@pytest.mark.tf
@pytest.mark.parametrize("kind", SPOILED)
def test_weights_are_taken_from_the_models_own_file_only(keras2: Path, tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET, encoding="utf-8")
    spoil, code = SPOILED[kind]
    change_weights(keras2, lambda file: spoil(file, secret))
    assert opening(keras2).code == code


@pytest.mark.tf
@pytest.mark.parametrize("kind", ["bytes of another file", "a link to another file", "a group in another file"])
def test_keras_3_refuses_weights_of_other_files_itself(keras3: Path, tmp_path: Path, kind: str) -> None:
    """Its own reader opens these models: should it ever stop refusing, this says so."""
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET, encoding="utf-8")
    change_weights(keras3, lambda file: SPOILED[kind][0](file, secret))
    assert opening(keras3).code == "model.cannot_open"


def _initializer(name: str, module: str) -> Callable[[Any], None]:
    def change(config: Any) -> None:
        dense = next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense")
        dense["config"]["kernel_initializer"] = {
            "class_name": name,
            "module": module,
            "registered_name": name,
            "config": {"command": "touch ran", "module": {}, "origin": "http://127.0.0.1:1/", "name": "x"},
        }

    return change


@pytest.mark.tf
@pytest.mark.parametrize("version", ["3", "2"])
@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("system", "os"),
        ("Popen", "subprocess"),
        ("eval", "builtins"),
        ("get_file", "keras.utils"),
        ("enable_unsafe_deserialization", "keras.config"),
        ("TorchModuleWrapper", "keras.layers"),
        ("Lambda", "keras.layers"),
        ("Spam", "no_such_module"),
    ],
)
def test_nothing_that_a_description_names_is_called(
    keras2: Path, keras3: Path, monkeypatch: pytest.MonkeyPatch, version: str, name: str, module: str
) -> None:
    folder = keras2 if version == "2" else keras3
    monkeypatch.chdir(folder)
    change_json(folder / "model.keras", _initializer(name, module))
    error = opening(folder)
    assert error.code in ("model.keras2", "model.cannot_open")
    assert error.message and error.hint
    assert not (folder / "ran").exists()
