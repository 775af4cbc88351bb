"""What kraken is given of a line, without kraken around it: the text of `recognize`, and where each letter is."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="the trainer's packages are not installed")

pytestmark = pytest.mark.tf

from loghi_contract.language_model import LM_PARTS, OnValidation, format_facts  # noqa: E402  # after the skip above
from loghi_contract.lines import LineSample  # noqa: E402
from loghi_contract.places import Places  # noqa: E402
from tests.kraken.conftest import SAMPLE  # noqa: E402

#: Lines of the base model's own hand, few enough to be read at once.
ROWS = [row.split("\t") for row in (SAMPLE / "val.txt").read_text(encoding="utf-8").splitlines()[:12]]


@pytest.fixture(scope="module")
def model_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], Path]:
    """The sample's base model with a language model that brought its validation lines from 10 % to this CER."""
    from loghi_trainer.learnt_texts import learn

    def made(cer: float) -> Path:
        folder = tmp_path_factory.mktemp("model") / "best_val"
        shutil.copytree(SAMPLE / "base_model", folder)
        rows = (SAMPLE / "train.txt").read_text(encoding="utf-8").splitlines()
        learnt = learn([row.split("\t")[-1] for row in rows], [])
        facts = replace(learnt.facts, validation=OnValidation(50, 0.1, cer, 0.5))
        (folder / LM_PARTS[0]).parent.mkdir()
        (folder / LM_PARTS[0]).write_text(format_facts(facts), encoding="utf-8")
        (folder / LM_PARTS[1]).write_bytes(learnt.packed)
        return folder

    return made


def read_by_recognize(folder: Path) -> list[tuple[str, str]]:
    """By the image alone, and with the language model."""
    from loghi_trainer.base_model import open_base_model
    from loghi_trainer.dataset import ImageStore, measure_lines
    from loghi_trainer.learnt_texts import open_guide
    from loghi_trainer.network import rebuilt
    from loghi_trainer.recognize import Recognizer

    base = open_base_model(folder)
    assert base.tokenizer is not None
    network = rebuilt(base.network, precision="float32", for_processor=True)
    store = ImageStore(Places(SAMPLE), base.height_px, base.channels)
    lines = measure_lines("val", [LineSample(f"/{row[0]}", row[-1], 1.0, "") for row in ROWS], [], store).lines
    read = Recognizer(network, base.tokenizer, 16).read(lines, store, guide=open_guide(folder, base.tokenizer))
    return [(line.text, line.best.text) for line in read]


def test_it_reads_with_the_language_model_where_that_helped(model_with: Callable[[float], Path]) -> None:
    from loghi_kraken.reader import Reader

    images = {number: (SAMPLE / row[0]).read_bytes() for number, row in enumerate(ROWS)}
    helped, harmed = model_with(0.04), model_with(0.11)
    by_image, with_it = zip(*read_by_recognize(helped), strict=True)
    read = Reader(helped, "cpu", 16).read(images)
    texts = ["".join(letter.text for letter in read[number]) for number in images]

    assert texts == list(with_it)
    assert texts != list(by_image), "there is a line that it changes"
    alone = Reader(harmed, "cpu", 16).read(images)
    assert ["".join(letter.text for letter in alone[number]) for number in images] == list(by_image)
    for letters in read.values():
        starts = [letter.start for letter in letters]
        assert starts == sorted(starts)
        assert all(0 <= letter.start <= letter.end <= 1 and 0 < letter.confidence <= 1 for letter in letters)


def test_letters_stand_where_the_likeliest_path_that_writes_them_has_them() -> None:
    from loghi_trainer.ctc import aligned_runs

    chance = np.random.default_rng(3)
    for labels in ([0, 1], [1, 1], [2], [0, 1, 0], []):
        line = chance.dirichlet(np.ones(4), 6).astype(np.float32)
        paths = [path for path in product(range(4), repeat=6) if _written(path) == labels]
        best = max(paths, key=lambda path: sum(np.log(line[frame, label]) for frame, label in enumerate(path)))
        found = aligned_runs(line, labels)
        assert [run.label for run in found] == labels
        assert {frame: run.label for run in found for frame in range(run.start, run.end)} == {
            frame: label for frame, label in enumerate(best) if label != 3
        }


def _written(path: tuple[int, ...]) -> list[int]:
    new = [label for label, before in zip(path, (-1, *path), strict=False) if label != before]
    return [label for label in new if label != 3]
