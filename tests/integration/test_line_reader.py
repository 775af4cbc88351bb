"""Line images read by a stand-in trainer: what it is told, and how its answer comes back."""

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from loghi_runner.engines.setting import EngineConfig
from loghi_runner.errors import DataError, EngineError
from loghi_runner.recognition.line_reader import ReaderOptions, Readings, open_reader
from tests.integration.conftest import FAKE_TRAINER, write_base_model


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "lines" / name for name in ("a.png", "b b.png", "sub/c.png", "#d.png")]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (90, 64)).save(path)
    return paths


def read(tmp_path: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch) -> Readings:
    monkeypatch.setenv("LOGHI_RUNNER_TEST_TRAINER", str(FAKE_TRAINER))
    if not (tmp_path / "base").exists():
        write_base_model(tmp_path / "base")
    reader = open_reader(tmp_path / "base", ReaderOptions(EngineConfig(kind="local", gpus="none")))
    return reader.read(images, lambda *_told: None, print, work_in=tmp_path)


def test_readings_come_back_by_the_image_that_was_given(tmp_path, images, monkeypatch) -> None:
    link = tmp_path / "link.png"
    link.symlink_to(images[0])
    found = read(tmp_path, [*images, link], monkeypatch).by_image
    assert {path.name: reading.text for path, reading in found.items()} == {
        "a.png": "a",
        "b b.png": "b b",
        "c.png": "c",
        "#d.png": "#d",
        "link.png": "a",
    }
    assert not list(tmp_path.glob(".reading-*"))


def test_an_image_that_no_list_can_name_or_nobody_can_decode_has_no_reading(tmp_path, images, monkeypatch) -> None:
    odd = images[0].with_name("two\tnames.png")
    images[0].rename(odd)
    unreadable = images[1].rename(images[1].with_name("unreadable.png"))
    found = read(tmp_path, [odd, unreadable, *images[2:]], monkeypatch).by_image
    assert set(found) == set(images[2:])


def test_the_text_of_a_line_may_hold_other_line_separators(tmp_path, images, monkeypatch) -> None:
    odd = images[0].rename(images[0].with_name("a\u2028b\x85c.png"))
    assert read(tmp_path, [odd], monkeypatch).by_image[odd].text == "a\u2028b\x85c"


def test_a_disk_that_is_full_is_told_in_a_sentence(tmp_path, images, monkeypatch) -> None:
    def full(_job: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("loghi_runner.recognition.line_reader.dump_job", full)
    with pytest.raises(EngineError, match="no space is left on the disk"):
        read(tmp_path, images, monkeypatch)
    assert not list(tmp_path.glob(".reading-*"))


def test_no_images_need_no_trainer(tmp_path, monkeypatch) -> None:
    assert read(tmp_path, [], monkeypatch).by_image == {}


def test_what_is_no_model_is_told_before_anything_else(tmp_path) -> None:
    with pytest.raises(DataError) as told:
        open_reader(tmp_path, ReaderOptions(EngineConfig(kind="local", image="no such image")))
    assert told.value.where == str(tmp_path)
