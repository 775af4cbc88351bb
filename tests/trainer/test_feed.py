"""What is trained on: lines, batches, augmentation and the learning rate."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="the trainer's packages are not installed")

import cv2

from loghi_contract.lines import LineSample, SkipReason
from loghi_contract.places import Places
from loghi_contract.tokenizer import Tokenizer
from loghi_contract.widths import MARGIN_PX, WIDEST_PX
from loghi_trainer.augment import augment_light
from loghi_trainer.dataset import ImageStore, TrainingFeed, measure_lines, plan_batches, recognition_batches
from loghi_trainer.lines import Split, append_skipped, too_long, unknown_characters
from loghi_trainer.schedule import learning_rate_at


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    for name, width in (("a", 120), ("b", 400), ("c", 90)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((64, width), 200, np.uint8))
    (tmp_path / "broken.png").write_bytes(b"nothing")
    return ImageStore(Places(tmp_path), 64, 1)


def _sample(name: str, text: str = "abc", weight: float = 1.0) -> LineSample:
    return LineSample(f"/{name}.png", text, weight, f"list.txt:{name}")


def test_unreadable_image_is_skipped_with_its_reason(store: ImageStore) -> None:
    split = measure_lines("train", [_sample("a"), _sample("broken"), _sample("nowhere")], [], store)

    assert [line.sample.image for line in split.lines] == ["/a.png"]
    assert split.summary().skipped == {SkipReason.UNREADABLE_IMAGE.value: 2}


def test_text_without_room_in_its_image_is_skipped(store: ImageStore) -> None:
    split = measure_lines("train", [_sample("c", "x" * 30), _sample("b", "xyz")], [], store)

    kept = split.skipping(too_long(lambda width_px: width_px // 8))

    assert [line.text for line in kept.lines] == ["xyz"]
    assert kept.skipped[0].reason is SkipReason.TEXT_TOO_LONG
    assert "needs 59 time steps, the image gives 17" in kept.skipped[0].detail


def test_an_absurdly_wide_line_is_skipped_in_every_split(tmp_path: Path, store: ImageStore) -> None:
    cv2.imwrite(str(tmp_path / "rule.png"), np.full((3, 4160), 200, np.uint8))
    cv2.imwrite(str(tmp_path / "long.png"), np.full((64, WIDEST_PX - 2 * MARGIN_PX), 200, np.uint8))
    split = measure_lines("val", [_sample("a"), _sample("rule"), _sample("long")], [], store)

    assert [line.sample.image for line in split.lines] == ["/a.png", "/long.png"]
    assert split.skipped[0].reason is SkipReason.TOO_WIDE
    assert "4160 x 3 pixels would be 88797 wide" in split.skipped[0].detail


def test_the_widest_line_can_be_augmented_and_its_batch_stays_small(tmp_path: Path, store: ImageStore) -> None:
    cv2.imwrite(str(tmp_path / "long.png"), np.full((64, WIDEST_PX - 2 * MARGIN_PX), 200, np.uint8))
    split = measure_lines("train", [_sample(name) for name in ("a", "b", "c", "long")], [], store)
    feed = TrainingFeed(split.lines, [[1]] * 4, store, batch_size=4, seed=1, augment=_widest)

    batches = feed.epoch_batches(1)
    widths = [batch.images.shape[1] for batch in feed.epoch(batches, 1)]

    assert sorted(index for batch in batches for index in batch) == [0, 1, 2, 3]
    assert [3] in batches
    assert sorted(widths)[-2:-1] < [600]
    assert all(indices == [3] or 3 not in indices for indices, _, _ in recognition_batches(split.lines, store, 4))


def _widest(line: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The augmentation as wide as it can come out."""
    most = next(seed for seed in range(1000) if np.random.default_rng(seed).uniform(0.85, 1.15) > 1.1495)
    return augment_light(line, np.random.default_rng(most))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_an_image_of_odd_numbers_is_skipped_or_read_and_never_ends_a_run(
    tmp_path: Path, dtype: type, channels: int
) -> None:
    cv2.imwrite(str(tmp_path / "odd.tif"), np.full((64, 100), 0.5, dtype))
    store = ImageStore(Places(tmp_path), 64, channels)
    split = measure_lines("train", [LineSample("/odd.tif", "a", 1.0, "")], [], store)

    assert len(split.lines) + len(split.skipped) == 1


def test_line_with_unknown_character_is_skipped_and_named(store: ImageStore) -> None:
    split = measure_lines("train", [_sample("a", "abð")], [], store).skipping(unknown_characters(Tokenizer.of("ab")))

    assert split.skipped[0].detail == "ð"


def test_skipped_lines_go_to_the_table(tmp_path: Path, store: ImageStore) -> None:
    split = measure_lines("val", [_sample("broken", "tekst")], [], store)

    append_skipped(tmp_path / "report" / "skipped_lines.tsv", [split])

    row = (tmp_path / "report" / "skipped_lines.tsv").read_text().rstrip("\n").split("\t")
    assert row[:5] == ["val", "list.txt:broken", "/broken.png", "tekst", "unreadable_image"]


def test_every_line_is_trained_once_an_epoch_in_batches_of_similar_width() -> None:
    rng = np.random.default_rng(0)
    widths = rng.integers(100, 1500, 101).tolist()

    batches = plan_batches(widths, 8, np.random.default_rng(1))

    assert sorted(index for batch in batches for index in batch) == list(range(101))
    assert max(map(len, batches)) == 8
    padded = sum(max(widths[i] for i in batch) * len(batch) for batch in batches)
    assert padded < 1.2 * sum(widths)


def test_batches_differ_between_epochs_and_agree_between_runs() -> None:
    widths = list(range(100, 500, 7))

    first, again, other = (plan_batches(widths, 4, np.random.default_rng((1, epoch))) for epoch in (1, 1, 2))

    assert first == again
    assert first != other


def test_feed_gives_labels_weights_and_widened_images(store: ImageStore) -> None:
    split = measure_lines("train", [_sample("a", "aab", weight=0.5)], [], store)
    feed = TrainingFeed(split.lines, [[1, 1, 2] * 5], store, batch_size=4, seed=1, augment=None)

    [batch] = feed.epoch(feed.epoch_batches(1), 1)

    assert batch.labels.tolist() == [[1, 1, 2] * 5]
    assert batch.weights.tolist() == [0.5]
    assert batch.images.shape == (1, 16 * (15 + 5), 64, 1)


def test_augmented_feed_is_the_same_for_the_same_seed(store: ImageStore) -> None:
    split = measure_lines("train", [_sample("a"), _sample("b"), _sample("c")], [], store)

    def images_of(seed: int) -> list[np.ndarray]:
        feed = TrainingFeed(split.lines, [[1]] * 3, store, batch_size=3, seed=seed, augment=augment_light)
        return [batch.images for batch in feed.epoch([[0, 1, 2]], 1)]

    np.testing.assert_array_equal(images_of(1)[0], images_of(1)[0])
    assert images_of(1)[0].shape != images_of(2)[0].shape or not np.array_equal(images_of(1)[0], images_of(2)[0])


def test_augmentation_keeps_height_and_grey_range_and_changes_the_line() -> None:
    rng = np.random.default_rng(0)
    line = rng.uniform(0, 255, (64, 300, 1)).astype(np.float32)

    changed = augment_light(line, np.random.default_rng(5))

    assert changed.shape[0] == 64
    assert 0.85 * 300 - 1 <= changed.shape[1] <= 1.15 * 300 + 1
    assert changed.min() >= 0
    assert changed.max() <= 255


def test_width_in_recognition_does_not_depend_on_the_text(store: ImageStore) -> None:
    short = measure_lines("test", [_sample("a", "x")], [], store)
    long = measure_lines("test", [_sample("a", "x" * 200)], [], store)

    [(_, images_short, widths_short)] = list(recognition_batches(short.lines, store, 4))
    [(_, images_long, widths_long)] = list(recognition_batches(long.lines, store, 4))

    np.testing.assert_array_equal(images_short, images_long)
    assert widths_short.tolist() == widths_long.tolist() == [256]


def test_images_beyond_the_cache_are_decoded_again_and_equal(tmp_path: Path, store: ImageStore) -> None:
    small = ImageStore(Places(tmp_path), 64, 1, cache_bytes=64 * 130)

    np.testing.assert_array_equal(small.pixels("/b.png"), store.pixels("/b.png"))
    np.testing.assert_array_equal(small.pixels("/a.png"), small.pixels("/a.png"))


def test_learning_rate_warms_up_and_falls() -> None:
    rates = [learning_rate_at(progress / 100, 1.0) for progress in range(101)]

    assert rates[0] < 0.1
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) == 5
    assert rates[-1] == pytest.approx(0.05)


def test_split_summary_counts_characters_of_trained_lines(store: ImageStore) -> None:
    split: Split = measure_lines("train", [_sample("a", "åæø"), _sample("broken", "xxxx")], [], store)

    assert (split.summary().lines, split.summary().characters) == (1, 3)


def test_an_epoch_mixes_in_other_lines_of_the_old_hand_and_no_more_than_half_as_many(store: ImageStore) -> None:
    split = measure_lines("train", [_sample("abc"[number % 3]) for number in range(30)], [], store)

    def feed(own: int, old_hand: int) -> TrainingFeed:
        lines = split.lines[: own + old_hand]
        return TrainingFeed(lines, [[1]] * len(lines), store, batch_size=4, seed=1, augment=None, old_hand=old_hand)

    taken = [sorted(chain.from_iterable(feed(10, 20).epoch_batches(epoch))) for epoch in (1, 2, 1)]

    assert all(lines[:10] == list(range(10)) and len(lines) == 15 for lines in taken)
    assert taken[0] == taken[2] != taken[1]
    assert len(list(chain.from_iterable(feed(20, 3).epoch_batches(1)))) == 23
    alone = TrainingFeed(split.lines[:10], [[1]] * 10, store, batch_size=4, seed=1, augment=None)
    assert feed(10, 0).epoch_batches(1) == alone.epoch_batches(1)
