"""What a Loghi model folder is, and whether this one can be used; nothing is loaded or changed."""

import errno
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.files import open_plain, read_plain
from loghi_contract.networks import LAYERS, WHICH_LAYERS
from loghi_contract.tokenizer import CHARLIST_FILE, TOKENIZER_FILE, Tokenizer, TokenizerError, read_tokenizer
from loghi_contract.widths import Window, windows_of

MODEL_FILE = "model.keras"
CONFIG_FILE = "config.json"

_MEMBERS = ("metadata.json", "config.json", "model.weights.h5")
# Keras stores its members uncompressed; anything that unpacks to far more than it takes is not from Keras
_MAX_UNPACKED_RATIO = 20
_MAX_UNPACKED_BYTES = 4_000_000_000
_MAX_MEMBERS = 1000
_MAX_CONFIG_BYTES = 32 * 1024 * 1024
_MAX_METADATA_BYTES = 64 * 1024
#: Loghi's models see lines 64 px high; with far more no machine would ever train one.
_MAX_HEIGHT_PX = 1024
# whoever unpacks a model and packs it again gets it deflated; nobody gets it otherwise
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: What zipfile and json raise on files that were cut, changed or made by something else.
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, ValueError, EOFError, RuntimeError)
#: The same, where it is no matter whether it cannot be read.
BROKEN_ARCHIVE = (*BROKEN_ZIP, OSError)
# Source: the Git LFS specification, pointer files
_LFS_POINTER = b"version https://git-lfs"


class ModelFolderError(ValueError):
    """A folder that cannot serve as base model: what is wrong, and what to do."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class ModelFacts:
    """What the host and the trainer need to know of a model before it is loaded.

    `height_px` and `channels` are those of the line images; `classes` counts the columns of the output layer;
    `windows` tell how many time steps it makes of a width.
    """

    model_file: Path
    name: str
    height_px: int
    channels: int
    classes: int
    keras_version: str
    tokenizer: Tokenizer
    windows: tuple[Window, ...] = ()

    @property
    def is_keras2(self) -> bool:
        return self.keras_version.startswith("2.")


def inspect_model_folder(folder: Path) -> ModelFacts:
    """Look into a Loghi model folder without running anything in it.

    Raises:
        ModelFolderError: it is no model folder, or its parts do not fit together.
        OSError: it may not be read.

    Source: Loghi HTR 2.x, model folders; Keras 3, the `.keras` archive.
    """
    model_file = _find_model_file(folder)
    config, keras_version = _read_archive(model_file)
    layers = _layers(config, model_file)
    _require_known(layers)
    height_px, channels = _input_shape(layers, model_file)
    classes = _output_classes(layers, model_file)
    try:
        tokenizer = read_tokenizer(folder)
    except TokenizerError as error:
        raise ModelFolderError(
            "model.tokenizer",
            f"the base model's characters are not known: {error}",
            f"Copy {TOKENIZER_FILE} (or {CHARLIST_FILE}) from where the model came from into {folder}.",
        ) from error
    if tokenizer.classes != classes:
        raise _tokenizer_mismatch(folder, tokenizer, classes)
    name = config["config"].get("name") or folder.name
    windows = windows_of(layers)
    return ModelFacts(model_file, str(name), height_px, channels, classes, keras_version, tokenizer, windows)


def require_config(folder: Path) -> None:
    """Refuse a config.json that Loghi could not read; a folder may lack it.

    Raises:
        ModelFolderError: it is there and is no JSON object.

    Source: Loghi HTR 2.x, which takes `model_channels` from it.
    """
    path = folder / CONFIG_FILE
    try:
        if isinstance(json.loads(read_plain(path, _MAX_CONFIG_BYTES)), dict):
            return
    except FileNotFoundError:
        return
    except (OSError, ValueError, RecursionError):
        pass
    raise ModelFolderError(
        "model.broken_config",
        f"{CONFIG_FILE} of the model is damaged: it cannot be read as a JSON object",
        f"Copy it again from where the model came from to {path}.",
    )


def _find_model_file(folder: Path) -> Path:
    if folder.is_file():
        raise ModelFolderError(
            "model.not_a_folder",
            f"{folder} is a file; a Loghi model is a folder",
            f"Name its folder: {folder.parent}"
            if folder.suffix == ".keras"
            else f"Unpack it: `unzip {folder.name} -d {folder.stem}`, and name that folder."
            if zipfile.is_zipfile(folder)
            else f"Name the folder, often best_val, that holds {MODEL_FILE}, {TOKENIZER_FILE} and {CONFIG_FILE}.",
        )
    if not folder.is_dir():
        raise ModelFolderError(
            "model.missing", f"there is no folder {folder}", "Correct the path; it is relative to the config's folder."
        )
    # iterdir raises where glob would find nothing: in a folder that may not be read
    inside = sorted(folder.iterdir())
    if any(path.suffix == ".pb" for path in inside):
        raise ModelFolderError(
            "model.saved_model",
            f"{folder} holds a SavedModel of Loghi 1.x, which Keras 3 cannot open",
            "Convert it once with Loghi's own converter, in its container: "
            "`python3 src/utils/convert-v2-to-v3/convert.py` of loghi-htr; then name the new folder.",
        )
    archives = [path for path in inside if path.suffix == ".keras"]
    if len(archives) == 1:
        return archives[0]
    if (folder / MODEL_FILE) in archives:
        return folder / MODEL_FILE
    if archives:
        raise ModelFolderError(
            "model.ambiguous",
            f"{folder} holds {len(archives)} models: {', '.join(a.name for a in archives)}",
            f"Keep the one you mean, named {MODEL_FILE}, in a folder of its own with its {TOKENIZER_FILE}.",
        )
    models = _models_inside(folder)
    if models:
        many = len(models) > 1
        raise ModelFolderError(
            "model.parent_folder",
            f"{folder} is not a model but holds {len(models) if many else 'one'}",
            f"Use one of them, such as {models[-1]}." if many else f"Use {models[0]} instead.",
        )
    raise ModelFolderError(
        "model.no_model_file",
        f"there is no {MODEL_FILE} in {folder}",
        f"A Loghi model folder holds {MODEL_FILE}, {TOKENIZER_FILE} and {CONFIG_FILE}; it is often named best_val.",
    )


def _models_inside(folder: Path) -> list[Path]:
    """The model folders a user may have meant who named a run folder, a folder of runs or Loghi's output folder."""
    for pattern in ("best_val", "model/best_val", "out/model/best_val", "*/best_val", "*/out/model/best_val"):
        found = [inside for inside in sorted(folder.glob(pattern)) if (inside / MODEL_FILE).is_file()]
        if found:
            return found
    return []


def _read_archive(model_file: Path) -> tuple[dict[str, Any], str]:
    _require_file(model_file)
    broken = ModelFolderError(
        "model.broken_file",
        f"{model_file} is not a whole Keras model: it is truncated or damaged",
        "Copy the model again from where it came from; compare the file sizes.",
    )
    try:
        with open_plain(model_file) as file, zipfile.ZipFile(file) as archive:
            sizes = {member.filename: member.file_size for member in archive.infolist()}
            most = min(_MAX_UNPACKED_RATIO * max(os.fstat(file.fileno()).st_size, 1), _MAX_UNPACKED_BYTES)
            if sum(sizes.values()) > most:
                raise ModelFolderError(
                    "model.zip_bomb",
                    f"{model_file} would unpack to {sum(sizes.values())} bytes, far more than a Keras model holds",
                    "This file was not written by Keras or Loghi. Do not use it.",
                )
            missing = [name for name in _MEMBERS if name not in sizes]
            is_odd = len(sizes) > _MAX_MEMBERS or any(
                member.compress_type not in _COMPRESSIONS for member in archive.infolist()
            )
            if missing or is_odd or _has_long_texts(sizes) or archive.testzip() is not None:
                raise broken
            config = json.loads(archive.read("config.json"))
            metadata = json.loads(archive.read("metadata.json"))
    except (ModelFolderError, PermissionError):
        raise
    except BROKEN_ARCHIVE as error:
        raise broken from error
    if not isinstance(config, dict) or not isinstance(metadata, dict):
        raise broken
    return config, str(metadata.get("keras_version", ""))


def _has_long_texts(sizes: Mapping[str, int]) -> bool:
    return sizes["config.json"] > _MAX_CONFIG_BYTES or sizes["metadata.json"] > _MAX_METADATA_BYTES


def _require_file(model_file: Path) -> None:
    """Refuse what only has the name of a model file."""
    copy = "Copy the model again from where it came from."
    if model_file.is_dir():
        what, hint = "is a folder", f"A Keras model is one file: do not unpack it. {copy}"
    elif not model_file.exists():
        what, hint = "is a link that leads nowhere", copy
    else:
        try:
            with open_plain(model_file) as file:
                if file.read(len(_LFS_POINTER)) != _LFS_POINTER:
                    return
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            what, hint = "is a pipe or a device, not a file", copy
        else:
            what, hint = "is a placeholder of Git LFS, not the model", "Fetch the model: `git lfs pull` in that folder."
    raise ModelFolderError("model.broken_file", f"{model_file} {what}", hint)


def _layers(config: dict[str, Any], model_file: Path) -> list[dict[str, Any]]:
    try:
        layers = config["config"]["layers"]
        return [{"class_name": layer["class_name"], **layer["config"]} for layer in layers]
    except (KeyError, TypeError) as error:
        raise _foreign(model_file, "its list of layers") from error


def _require_known(layers: list[dict[str, Any]]) -> None:
    """Refuse layers by name before anybody opens them: some run code, or load what they name."""
    for layer in layers:
        inner = [layer.get(key) for key in ("layer", "backward_layer")]
        names = [layer["class_name"], *(item.get("class_name") for item in inner if isinstance(item, dict))]
        unknown = [name for name in names if name not in LAYERS]
        if unknown:
            raise ModelFolderError(
                "model.not_a_chain",
                f"the base model has a layer that loghi-runner does not know: {str(unknown[0])[:100]}",
                WHICH_LAYERS,
            )


def _input_shape(layers: list[dict[str, Any]], model_file: Path) -> tuple[int, int]:
    shapes = [layer.get("batch_shape") or layer.get("batch_input_shape") for layer in layers]
    shape = next((shape for shape in shapes if shape), None)
    if not isinstance(shape, list) or len(shape) != 4:
        raise _foreign(model_file, "an input of (batch, width, height, channels)")
    height_px, channels = shape[2], shape[3]
    # type and not isinstance: true is no height, and would be 1
    if type(height_px) is not int or type(channels) is not int or channels not in (1, 3, 4):
        raise _foreign(model_file, "an input with a fixed height and 1, 3 or 4 channels")
    if not 1 <= height_px <= _MAX_HEIGHT_PX:
        raise _foreign(model_file, f"an input of a height from 1 to {_MAX_HEIGHT_PX} px (it says {height_px})")
    return height_px, channels


def _output_classes(layers: list[dict[str, Any]], model_file: Path) -> int:
    units = [layer.get("units") for layer in layers if layer["class_name"] == "Dense"]
    if not units or not isinstance(units[-1], int):
        raise _foreign(model_file, "a Dense output layer")
    return units[-1]


def _foreign(model_file: Path, what: str) -> ModelFolderError:
    return ModelFolderError(
        "model.not_loghi",
        f"{model_file} is a Keras model, but it lacks {what}: it is not a Loghi text line model",
        "Name a model that was trained by Loghi HTR or loghi-runner.",
    )


def _tokenizer_mismatch(folder: Path, tokenizer: Tokenizer, classes: int) -> ModelFolderError:
    source = TOKENIZER_FILE if (folder / TOKENIZER_FILE).is_file() else CHARLIST_FILE
    has, needs = len(tokenizer.characters), classes - 2
    message = f"{source} has {has} characters, the model's output layer was made for {needs}"
    if source == CHARLIST_FILE and has - needs == 1 and tokenizer.characters[-1] == "\n":
        path = folder / CHARLIST_FILE
        hint = f"A line end at its end counts as a character; an editor added it. Remove it: `truncate -s -1 {path}`"
    elif abs(has - needs) == 1:
        hint = (
            "Off by one is the known fault of models fine-tuned from an old base model: "
            f"copy {CHARLIST_FILE} from that base model's folder to {folder / CHARLIST_FILE}"
            + (f" and remove {folder / TOKENIZER_FILE}." if source == TOKENIZER_FILE else ".")
        )
    else:
        hint = f"Model and {source} come from different trainings: copy the one that was saved with this model."
    return ModelFolderError("model.tokenizer_mismatch", message, hint)
