"""Folders that a person may take for a Loghi model: each is refused with what it is and what to do."""

import json
import zipfile
from pathlib import Path

import pytest

from loghi_contract.model_folder import ModelFolderError, inspect_model_folder
from loghi_contract.networks import vgsl_fault
from loghi_contract.tokenizer import format_charlist, read_tokenizer
from tests.unit.made_project import Project


def refusal(folder: Path) -> ModelFolderError:
    with pytest.raises(ModelFolderError) as caught:
        inspect_model_folder(folder)
    return caught.value


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: b"a text file",
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"weights", b"wrights"),
        lambda content: content[:60] + b"\xff\xff\xff" + content[63:],
    ],
    ids=["empty", "text", "cut", "another member", "flipped bits"],
)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_damaged_model_file_is_told_as_damaged(project: Project, spoil, compression: int) -> None:
    """Keras stores its members as they are, but people unpack and pack again."""
    path = project.folder / "base/model.keras"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    path.write_bytes(spoil(path.read_bytes()))
    error = refusal(project.folder / "base")
    assert error.code == "model.broken_file"
    assert str(path) in error.message


def test_an_archive_with_a_password_is_told_as_damaged(project: Project) -> None:
    path = project.folder / "base/model.keras"
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(signature, at + 4)
    path.write_bytes(content)
    assert refusal(project.folder / "base").code == "model.broken_file"


def test_a_placeholder_of_git_lfs_names_the_command_that_fetches_the_model(project: Project) -> None:
    (project.folder / "base/model.keras").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert "git lfs pull" in refusal(project.folder / "base").hint


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_only_has_the_name_of_a_model_file_is_told_as_what_it_is(project: Project, kind: str) -> None:
    path = project.folder / "base/model.keras"
    path.unlink()
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("elsewhere")
    error = refusal(project.folder / "base")
    assert error.code == "model.broken_file"
    assert ("is a folder" if kind == "folder" else "is a link that leads nowhere") in error.message


def test_a_folder_that_may_not_be_read_is_not_called_empty(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    # permissions do not bind root, who may be running this
    monkeypatch.setattr("os.listdir", _refuse)
    with pytest.raises(PermissionError):
        inspect_model_folder(project.folder / "base")


def test_a_model_file_that_may_not_be_read_is_not_called_damaged(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zipfile.ZipFile", _refuse)
    with pytest.raises(PermissionError):
        inspect_model_folder(project.folder / "base")


def _refuse(path: Path) -> None:
    raise PermissionError(13, "Permission denied", str(path))


def test_a_line_list_given_as_model_is_not_answered_with_its_folder(project: Project) -> None:
    error = refusal(project.folder / "lines/train.txt")
    assert error.code == "model.not_a_folder"
    assert "best_val" in error.hint
    assert refusal(project.folder / "base/model.keras").hint == f"Name its folder: {project.folder}/base"


def test_upstreams_output_folder_names_best_val_in_it(project: Project) -> None:
    project.model("output/best_val")
    project.model("output/checkpoint_ep1")
    assert refusal(project.folder / "output").hint == f"Use {project.folder}/output/best_val instead."


def test_a_folder_of_runs_asks_for_one_of_them(project: Project) -> None:
    project.model("runs/20260101-000000-aaaa/out/model/best_val")
    project.model("runs/20260202-000000-bbbb/out/model/best_val")
    error = refusal(project.folder / "runs")
    assert error.code == "model.parent_folder"
    assert error.message == f"{project.folder}/runs is not a model but holds 2"
    assert f"such as {project.folder}/runs/20260202-000000-bbbb/out/model/best_val" in error.hint


def legacy(project: Project, charlist: str) -> Path:
    folder = project.folder / "base"
    (folder / "charlist.txt").write_text(charlist, encoding="utf-8", newline="")
    (folder / "tokenizer.json").unlink()
    return folder


def test_a_charlist_with_a_line_end_added_by_an_editor_says_how_to_take_it_away(project: Project) -> None:
    characters = format_charlist(read_tokenizer(project.folder / "base"))
    folder = legacy(project, characters + "\n")
    error = refusal(folder)
    assert error.code == "model.tokenizer_mismatch"
    assert "line end" in error.hint
    assert f"truncate -s -1 {folder}/charlist.txt" in error.hint
    legacy_file = folder / "charlist.txt"
    legacy_file.write_bytes(legacy_file.read_bytes()[:-1])
    assert inspect_model_folder(folder).tokenizer.characters == tuple(characters)


@pytest.mark.parametrize("change", [lambda text: text[:-1], lambda text: text + "ŵ"], ids=["short", "long"])
def test_a_charlist_that_is_off_by_one_names_the_file_to_copy(project: Project, change) -> None:
    folder = legacy(project, change(format_charlist(read_tokenizer(project.folder / "base"))))
    error = refusal(folder)
    assert error.code == "model.tokenizer_mismatch"
    assert f"copy charlist.txt from that base model's folder to {folder}/charlist.txt" in error.hint


def test_a_tokenizer_of_another_model_says_so(project: Project) -> None:
    tokens = {"0": "[PAD]", "1": "[UNK]", "2": "a"}
    (project.folder / "base/tokenizer.json").write_text(json.dumps(tokens))
    error = refusal(project.folder / "base")
    assert error.message == "tokenizer.json has 1 characters, the model's output layer was made for 27"
    assert "come from different trainings" in error.hint


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"0": "[PAD]", "1": "[UNK]", "2": 3}', "[" * 100_000])
def test_a_tokenizer_that_is_none_is_refused_with_what_to_copy(project: Project, text: str) -> None:
    (project.folder / "base/tokenizer.json").write_text(text)
    error = refusal(project.folder / "base")
    assert error.code == "model.tokenizer"
    assert error.hint.startswith("Copy tokenizer.json (or charlist.txt)")


@pytest.mark.parametrize(
    ("vgsl", "fault"),
    [
        ("recommended", None),
        ("None,None,64,1 Cr3,3,16 Mp2,2,2,2 Bn Rc3 Bl64 D50 Fs92", None),
        ("recomended", "it begins with 'recomended', not with an input such as None,None,64,1"),
        ("None,None,64,1", "it has no layers"),
        ("None,None,64,1 Cr3,3,16 ???", "'???' is no layer"),
    ],
)
def test_a_wrong_network_specification_is_seen_without_building_it(vgsl: str, fault: str | None) -> None:
    assert vgsl_fault(vgsl) == fault
