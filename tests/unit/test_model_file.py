"""A model in one file: what is in it, that it comes out the same, and what is refused."""

import json
import zipfile
from pathlib import Path

import pytest

from loghi_contract.cut import Cut
from loghi_contract.model_file import (
    FORMAT,
    ModelMarker,
    format_marker,
    read_folder_marker,
    read_marker,
    unpack_model_file,
    write_model_file,
)
from loghi_contract.model_folder import ModelFolderError
from tests.made_language_model import write_language_model
from tests.unit.made_project import Project

MARKER = ModelMarker(FORMAT, 1, "loghi-runner", "new hand", 64, 1, 26, Cut.POLYGON, 0.125)


@pytest.fixture
def model_file(project: Project, tmp_path: Path) -> Path:
    write_language_model(project.folder / "base", None)
    path = tmp_path / "model.mlmodel"
    write_model_file(project.folder / "base", MARKER, "# new hand\n", path)
    return path


def test_a_model_file_holds_the_model_folder_byte_for_byte(project: Project, model_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    unpack_model_file(model_file, folder)
    before = contents(project.folder / "base")
    assert "lm/lm.json" in before
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_marker_says_what_a_reader_must_know_before_it_opens_the_model(model_file: Path) -> None:
    assert read_marker(model_file) == MARKER


def test_the_same_model_gives_the_same_file(project: Project, model_file: Path, tmp_path: Path) -> None:
    write_model_file(project.folder / "base", MARKER, "# new hand\n", tmp_path / "again.mlmodel")
    assert (tmp_path / "again.mlmodel").read_bytes() == model_file.read_bytes()


def test_what_is_no_model_file_has_no_marker(project: Project, tmp_path: Path) -> None:
    (tmp_path / "kraken.mlmodel").write_bytes(b"\x08\x01 a model of kraken")
    assert read_marker(tmp_path / "kraken.mlmodel") is None
    assert read_marker(project.folder / "base/model.keras") is None


def test_a_file_of_a_newer_format_is_refused_with_what_to_do(model_file: Path) -> None:
    change_marker(model_file, {"format": FORMAT + 1})
    with pytest.raises(ModelFolderError, match="format 2") as caught:
        read_marker(model_file)
    assert "Update loghi-runner" in caught.value.hint


@pytest.mark.parametrize("change", [{"cut": "scissors"}, {"height_px": "high"}, {"format": None}])
def test_a_marker_that_makes_no_sense_is_told_as_damaged(model_file: Path, change: dict[str, object]) -> None:
    change_marker(model_file, change)
    with pytest.raises(ModelFolderError, match="damaged"):
        read_marker(model_file)


def test_a_file_whose_bytes_changed_is_told_as_damaged(model_file: Path, tmp_path: Path) -> None:
    content = model_file.read_bytes()
    model_file.write_bytes(content.replace(b"keras_version", b"KERAS_VERSION", 1))
    with pytest.raises(ModelFolderError, match="damaged"):
        unpack_model_file(model_file, tmp_path)


def test_a_file_packed_anew_whose_bytes_changed_is_told_as_damaged(model_file: Path, tmp_path: Path) -> None:
    content = format_marker(MARKER).encode() * 100
    with zipfile.ZipFile(model_file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("loghi.json", content)
        begin = archive.getinfo("loghi.json").header_offset + len("loghi.json") + 30
    whole = model_file.read_bytes()
    model_file.write_bytes(whole[:begin] + b"\xff" * 8 + whole[begin + 8 :])
    with pytest.raises(ModelFolderError, match="damaged"):
        read_marker(model_file)


def test_names_in_the_file_lead_nowhere_else(model_file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(model_file, "a") as archive:
        archive.writestr("../outside.txt", "x")
    folder = tmp_path / "unpacked"
    folder.mkdir()
    unpack_model_file(model_file, folder)
    assert not (tmp_path / "outside.txt").exists()


def change_marker(path: Path, change: dict[str, object]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["loghi.json"] = json.dumps(json.loads(members["loghi.json"]) | change).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_a_folder_tells_the_way_of_cutting_by_the_same_marker(tmp_path: Path) -> None:
    assert read_folder_marker(tmp_path) is None
    (tmp_path / "loghi.json").write_text(format_marker(MARKER), encoding="utf-8")
    assert read_folder_marker(tmp_path) == MARKER
    (tmp_path / "loghi.json").write_text('{"somebody": "else"}', encoding="utf-8")
    assert read_folder_marker(tmp_path) is None
