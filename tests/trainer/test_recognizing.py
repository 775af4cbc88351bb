"""A recognizer's texts, confidences and losses, whichever lines share a batch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="the trainer's packages are not installed")

pytestmark = pytest.mark.tf

from loghi_contract.lines import LineSample  # noqa: E402  # after the skip above
from loghi_contract.places import Places  # noqa: E402
from loghi_contract.tokenizer import Tokenizer  # noqa: E402
from tests.trainer.made_jobs import ALPHABET, SMALL_VGSL, draw_text, made_texts  # noqa: E402

TEXTS = [*made_texts(9, 4), "a" * 60, "éa", "abcdefgh" * 4]


@pytest.fixture(scope="module")
def network() -> Any:
    import keras

    from loghi_trainer.network import rebuilt
    from loghi_trainer.new_model import build_base_model

    keras.utils.set_random_seed(7)
    classes = Tokenizer.of(ALPHABET).classes
    return rebuilt(build_base_model(SMALL_VGSL).network, precision="float32", classes=classes, for_processor=True)


def read(network: Any, folder: Path, batch_size: int, beam_width: int = 1, guide: Any = None) -> list[Any]:
    import cv2

    from loghi_trainer.dataset import ImageStore, measure_lines
    from loghi_trainer.recognize import Recognizer

    for number, text in enumerate(TEXTS):
        # sixty letters on an image that is too narrow for them
        cv2.imwrite(str(folder / f"{number}.png"), draw_text(text[:8] if number == 9 else text))
    store = ImageStore(Places(folder), 32, 1)
    samples = [LineSample(f"/{number}.png", text, 1.0, "list") for number, text in enumerate(TEXTS)]
    lines = measure_lines("lines", samples, [], store).lines
    recognizer = Recognizer(network, Tokenizer.of(ALPHABET), batch_size, beam_width)
    return recognizer.read(lines, store, with_loss=True, guide=guide)


@pytest.mark.parametrize("beam_width", [1, 4])
def test_neighbours_in_the_batch_change_nothing(network: Any, tmp_path: Path, beam_width: int) -> None:
    alone, together = (read(network, tmp_path, size, beam_width) for size in (1, 5))

    assert [line.text for line in together] == [line.text for line in alone]
    for key in ("confidence", "loss"):
        values = [[getattr(line, key) or 0.0 for line in lines] for lines in (together, alone)]
        np.testing.assert_allclose(*values, rtol=1e-4, atol=1e-5)


def test_what_is_read_without_a_language_model_is_the_same_beside_it(network: Any, tmp_path: Path) -> None:
    from loghi_trainer.learnt_texts import learn

    guide = learn(["abcdefgh" * 4], []).guide(Tokenizer.of(ALPHABET))
    for beam_width in (1, 4):
        alone = read(network, tmp_path, 5, beam_width)
        beside = read(network, tmp_path, 5, beam_width, guide)

        assert all(line.guided is None for line in alone)
        assert [(line.text, line.confidence, line.loss) for line in beside] == [
            (line.text, line.confidence, line.loss) for line in alone
        ]
        assert all(0 <= line.best.confidence <= 1 for line in beside)


def test_a_reading_that_the_image_contradicts_strongly_is_not_taken() -> None:
    from loghi_trainer.ctc import Decoded
    from loghi_trainer.recognize import trusted

    by_image, near, far = Decoded([1, 2, 3], -0.5), Decoded([1, 2, 4], -2.5), Decoded([4, 4], -4.0)

    assert trusted(near, by_image) is near
    assert trusted(far, by_image) is by_image


def test_lines_that_the_model_cannot_write_have_no_loss(network: Any, tmp_path: Path) -> None:
    losses = [line.loss for line in read(network, tmp_path, 4)]

    assert [number for number, loss in enumerate(losses) if loss is None] == [9, 10]
    assert all(loss > 0 for loss in losses if loss is not None)


def test_a_batch_that_does_not_fit_in_memory_is_read_in_halves(network: Any) -> None:
    from loghi_trainer.recognize import Recognizer

    class ResourceExhaustedError(Exception):
        """As TensorFlow calls it."""

    told: list[Any] = []
    recognizer = Recognizer(network, Tokenizer.of(ALPHABET), 8, tell=told.append)
    rng = np.random.default_rng(3)
    images, widths_px = rng.normal(size=(7, 90, 32, 1)).astype(np.float32), np.arange(84, 91, dtype=np.int32)
    expected = recognizer._probabilities(images, widths_px)
    whole = recognizer._run

    def small_card(arrays: Any) -> Any:
        """A stand-in for a card with little memory."""
        if len(arrays[0]) > 2:
            raise ResourceExhaustedError
        return whole(arrays)

    recognizer._run = small_card  # type: ignore[method-assign]
    for _ in range(2):
        for ours, theirs in zip(recognizer._probabilities(images, widths_px), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert [notice.code for notice in told] == ["memory.read_in_halves"]
