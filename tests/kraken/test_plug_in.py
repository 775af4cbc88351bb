"""An exported model inside a real kraken 7."""

from pathlib import Path
from typing import Any

import pytest

from loghi_runner.cli.main import run as run_command
from loghi_runner.pages.read import read_page
from tests.kraken.conftest import Page, in_kraken

pytestmark = pytest.mark.kraken


@pytest.mark.tf
def test_kraken_reads_what_recognize_reads(page: Page, read: dict[str, Any], tmp_path: Path) -> None:
    model = Path("examples/sample/base_model")
    command = ["recognize", str(model.absolute()), str(page.folder), "-o", str(tmp_path / "read")]
    command += ["--cut", "loghi", "--engine", "local"]
    assert run_command(command) == 0
    ours = {line.id: line.texts[0].text for line in read_page(tmp_path / "read" / "letters-03.xml").lines}
    assert {name: line["text"] for name, line in read["lines"].items()} == ours
    assert len(ours) > 10


def test_each_character_has_a_confidence_and_a_place_on_its_line(page: Page, read: dict[str, Any]) -> None:
    outlines = {line.id: line.outline for line in read_page(page.xml).lines}
    for name, line in read["lines"].items():
        assert len(line["text"]) == len(line["confidences"]) == len(line["cuts"])
        assert all(0 < confidence <= 1 for confidence in line["confidences"])
        middles = [sum(x for x, _ in cut) / len(cut) for cut in line["cuts"]]
        assert middles == sorted(middles), "the sample is written from left to right"
        left, right = min(x for x, _ in outlines[name]), max(x for x, _ in outlines[name])
        assert all(left - 2 <= middle <= right + 2 for middle in middles)
        # the text fills its line
        assert middles[-1] - middles[0] > (right - left) * 0.7


def test_no_tensorflow_is_there_and_none_is_needed(page: Page, read: dict[str, Any]) -> None:
    assert read["frameworks"] == ["keras", "torch"]
    probe = "import importlib.util as u; print(u.find_spec('tensorflow'))"
    assert in_kraken("-c", probe, cwd=page.folder).stdout.strip() == "None"


def test_loading_a_model_opens_no_network(page: Page) -> None:
    """An upload form loads each model only to see whether it can be used."""
    code = (
        "import sys; from kraken.models import load_models; [model] = load_models(sys.argv[1]);"
        "print(type(model).__name__, model.model_type, model.seg_type, 'keras' in sys.modules)"
    )
    done = in_kraken("-c", code, page.model, cwd=page.folder)
    assert done.stdout.strip() == "LoghiModel ['recognition'] baselines False", done.stderr


def test_krakens_own_models_still_load(page: Page) -> None:
    code = (
        "import kraken; from pathlib import Path; from kraken.models import load_models;"
        "print(len(load_models(Path(kraken.__file__).parent / 'blla.mlmodel')))"
    )
    assert in_kraken("-c", code, cwd=page.folder).stdout.strip() == "1"


def test_a_damaged_model_is_refused_in_words(page: Page, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.mlmodel"
    damaged.write_bytes(page.model.read_bytes().replace(b"keras_version", b"KERAS_VERSION", 1))
    code = "import sys; from kraken.models import load_models; load_models(sys.argv[1])"
    done = in_kraken("-c", code, damaged, cwd=tmp_path)
    assert done.returncode == 1
    assert "loghi: damaged.mlmodel is a model of loghi-runner, but damaged or cut short" in done.stderr


@pytest.mark.slow
def test_krakens_command_segments_and_recognizes_a_page(page: Page, tmp_path: Path) -> None:
    text = tmp_path / "page.txt"
    done = in_kraken(
        "-m", "kraken.kraken", "-r", "-i", page.image, text, "segment", "-bl", "ocr", "-m", page.model, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert len(text.read_text(encoding="utf-8").split()) > 20


@pytest.mark.slow
def test_krakens_command_reads_the_lines_of_an_xml(page: Page, read: dict[str, Any], tmp_path: Path) -> None:
    text = tmp_path / "page.txt"
    done = in_kraken(
        "-m", "kraken.kraken", "-r", "-f", "page", "-i", page.xml, text, "ocr", "-m", page.model, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert text.read_text(encoding="utf-8").splitlines() == [line["text"] for line in read["lines"].values()]
