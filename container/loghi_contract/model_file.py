"""A model in one file, for programs that want one (`model.mlmodel`): a zip of the model folder and a marker.

The marker, loghi.json, says what a reader must know before it opens the model: above all how its lines are cut.
"""

import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from loghi_contract.cut import Cut
from loghi_contract.files import open_plain, read_plain
from loghi_contract.language_model import LM_PARTS
from loghi_contract.model_folder import BROKEN_ZIP, CONFIG_FILE, MODEL_FILE, ModelFolderError
from loghi_contract.records import RecordError, from_json, parse_json, to_json
from loghi_contract.tokenizer import CHARLIST_FILE, TOKENIZER_FILE

SUFFIX: Final = ".mlmodel"
MARKER_FILE: Final = "loghi.json"
NOTES_FILE: Final = "README.md"

#: Raised when a reader of the old format would misread a new file. 2 is of models whose lines are straightened.
FORMAT: Final = 2

_PARTS = (MODEL_FILE, TOKENIZER_FILE, CHARLIST_FILE, CONFIG_FILE, *LM_PARTS)
_MAX_MARKER_BYTES = 64 * 1024
# the parts are hardly compressed; anything that unpacks to far more than it takes is not ours
_MAX_UNPACKED_RATIO = 20
# a fixed date: the same model gives the same file
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class ModelMarker:
    """loghi.json. `val_cer` is a fraction, None where nobody measured it; `characters` counts those it can write."""

    format: int
    contract: int
    made_by: str
    name: str
    height_px: int
    channels: int
    characters: int
    cut: Cut
    val_cer: float | None = None
    #: line images are made level before they are read
    straighten: bool = False


def format_for(cut: Cut, *, straighten: bool) -> int:
    """The oldest format whose readers cut and read such lines rightly."""
    return FORMAT if straighten or cut is Cut.STRAIGHT else 1


def write_model_file(folder: Path, marker: ModelMarker, notes: str, target: Path, *, with_lm: bool = True) -> None:
    """Write a model folder as one file that is not there yet, also without its language model. Raises OSError."""
    with zipfile.ZipFile(target, "x", zipfile.ZIP_STORED) as archive:
        _put(archive, MARKER_FILE, format_marker(marker))
        _put(archive, NOTES_FILE, notes)
        for name in _PARTS:
            if (folder / name).is_file() and (with_lm or name not in LM_PARTS):
                with (
                    open_plain(folder / name) as part,
                    archive.open(zipfile.ZipInfo(name, _DATE), "w", force_zip64=True) as inside,
                ):
                    shutil.copyfileobj(part, inside, 1024 * 1024)


def read_marker(path: Path) -> ModelMarker | None:
    """The marker of a model file; None where the file is something else.

    Raises:
        ModelFolderError: it is such a file, but cannot be used: damaged, or of a newer format.
    """
    try:
        file = open_plain(path)
    except OSError:
        return None
    with file:
        return _marker_in(file, path) if zipfile.is_zipfile(file) else None


def _marker_in(file: BinaryIO, path: Path) -> ModelMarker | None:
    try:
        with zipfile.ZipFile(file) as archive:
            if MARKER_FILE not in archive.namelist():
                return None
            if archive.getinfo(MARKER_FILE).file_size > _MAX_MARKER_BYTES:
                raise _broken(path)
            value = parse_json(archive.read(MARKER_FILE))
        if isinstance(value, dict) and isinstance(value.get("format"), int) and value["format"] > FORMAT:
            raise ModelFolderError(
                "model.newer_file",
                f"{path.name} is of format {value['format']}; this loghi-runner knows format {FORMAT}",
                "Update loghi-runner here, or export the model again with the version that is here.",
            )
        return from_json(ModelMarker, value, allow_unknown=True)
    except BROKEN_ZIP as error:
        raise error if isinstance(error, ModelFolderError) else _broken(path) from error


def read_folder_marker(folder: Path) -> ModelMarker | None:
    """The marker in a model folder that was exported, or unpacked from one file; None where there is none of ours."""
    try:
        marker = parse_json(read_plain(folder / MARKER_FILE, _MAX_MARKER_BYTES))
        return from_json(ModelMarker, marker, allow_unknown=True)
    except (OSError, RecordError):
        return None


def format_marker(marker: ModelMarker) -> str:
    """loghi.json."""
    return json.dumps(to_json(marker), ensure_ascii=False, indent=2) + "\n"


def unpack_model_file(path: Path, folder: Path) -> None:
    """Write the model folder that a model file holds into `folder`; names in the file lead nowhere else.

    Raises:
        ModelFolderError: it is damaged.
        OSError: it cannot be read or written.
    """
    try:
        with open_plain(path) as file, zipfile.ZipFile(file) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > _MAX_UNPACKED_RATIO * path.stat().st_size:
                raise _broken(path)
            for name in set(_PARTS) & set(archive.namelist()):
                (folder / name).parent.mkdir(exist_ok=True)
                with archive.open(name) as part, (folder / name).open("wb") as written:
                    shutil.copyfileobj(part, written, 1024 * 1024)
    except BROKEN_ZIP as error:
        raise error if isinstance(error, ModelFolderError) else _broken(path) from error


def _put(archive: zipfile.ZipFile, name: str, text: str) -> None:
    archive.writestr(zipfile.ZipInfo(name, _DATE), text)


def _broken(path: Path) -> ModelFolderError:
    return ModelFolderError(
        "model.broken_one_file",
        f"{path.name} is a model of loghi-runner, but damaged or cut short",
        "Export the model again, or copy the file again; compare the file sizes.",
    )
