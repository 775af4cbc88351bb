"""Line images become the tensors Loghi models know."""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="the trainer's packages are not installed")

import cv2

from loghi_trainer import images


def _write(path: Path, pixels: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


def test_white_is_minus_half_and_margins_are_black() -> None:
    line = images.center(images.resize_to_height(np.full((64, 100, 1), 255, np.uint8), 64))

    assert line.shape == (150, 64, 1)
    assert np.all(line[25:-25] == -0.5)
    assert np.all(line[:25] == 0.5)
    assert np.all(line[-25:] == 0.5)


def test_image_is_transposed_to_width_first() -> None:
    pixels = np.full((64, 10, 1), 255, np.uint8)
    pixels[3, 7] = 0

    line = images.center(images.resize_to_height(pixels, 64))

    assert line[25 + 7, 3, 0] == 0.5
    assert (line[25:-25] == 0.5).sum() == 1


def test_resize_is_bilinear_with_half_pixel_centres_and_no_antialias() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (97, 211, 1), dtype=np.uint8)

    resized = images.resize_to_height(pixels, 64)

    np.testing.assert_allclose(resized, _slow_bilinear(pixels, 64, round(211 * 64 / 97)), atol=0.05)


def test_width_rounds_half_to_even_as_loghi_does() -> None:
    assert images.resized_width(np.zeros((128, 1001, 1), np.uint8), 64) == 500 + 50
    assert images.resized_width(np.zeros((128, 1003, 1), np.uint8), 64) == 502 + 50


def test_alpha_is_left_out_for_one_channel_not_blended(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., :3] = 200

    path = _write(tmp_path / "line.png", pixels)

    assert np.all(images.decode_image(path, 1) == 200)
    assert np.all(images.decode_image(path, 3) == 200)
    assert np.all(images.decode_image(path, 4)[..., 3] == 0)


def test_missing_alpha_is_opaque_for_four_channels(tmp_path: Path) -> None:
    path = _write(tmp_path / "line.png", np.full((8, 8), 9, np.uint8))

    assert images.decode_image(path, 4)[0, 0].tolist() == [9, 9, 9, 255]


def test_colours_come_as_red_green_blue(tmp_path: Path) -> None:
    path = _write(tmp_path / "line.png", np.full((8, 8, 3), (1, 2, 3), np.uint8))

    assert images.decode_image(path, 3)[0, 0].tolist() == [3, 2, 1]


def test_grey_of_colours_is_the_libpng_formula_within_a_level(tmp_path: Path) -> None:
    path = _write(tmp_path / "line.png", np.full((8, 8, 3), (10, 120, 250), np.uint8))

    assert abs(int(images.decode_image(path, 1)[0, 0, 0]) - (0.299 * 250 + 0.587 * 120 + 0.114 * 10)) <= 1


@pytest.mark.parametrize("channels", [1, 4])
def test_sixteen_bit_image_gives_its_high_byte(tmp_path: Path, channels: int) -> None:
    path = _write(tmp_path / "line.png", np.full((8, 8), 0x41FF, np.uint16))

    assert images.decode_image(path, channels)[0, 0, 0] == 0x41


@pytest.mark.parametrize("extension", ["jpg", "tif", "webp", "bmp"])
def test_formats_that_loghi_trains_as_black_are_really_read(tmp_path: Path, extension: str) -> None:
    path = _write(tmp_path / f"line.{extension}", np.full((16, 16), 180, np.uint8))

    assert abs(int(images.decode_image(path, 1).mean()) - 180) <= 2


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(20)])
def test_undecodable_file_is_an_error_not_a_black_image(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "line.png"
    path.write_bytes(content)

    with pytest.raises(images.UnreadableImage):
        images.decode_image(path, 1)


def test_truncated_image_is_an_error_not_half_black(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = _write(tmp_path / "whole.png", rng.integers(0, 256, (64, 400), dtype=np.uint8)).read_bytes()
    path = tmp_path / "cut.png"
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(images.UnreadableImage):
        images.decode_image(path, 1)


def test_exif_orientation_is_not_applied(tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((20, 60), np.uint8)).save(tmp_path / "line.jpg", exif=exif)

    assert images.decode_image(tmp_path / "line.jpg", 1).shape == (20, 60, 1)


def test_narrow_line_is_widened_with_mid_grey_for_its_labels() -> None:
    line = np.full((60, 64, 1), -0.5, np.float32)

    widened = images.widen(line, images.width_for_labels([5, 5, 6]))

    assert widened.shape[0] == 16 * (3 + 1)
    assert np.all(widened[60:] == 0.0)
    assert np.array_equal(widened[:60], line)


def test_batch_is_filled_on_the_right_with_minus_ten() -> None:
    batch = images.stack([np.zeros((4, 2, 1), np.float32), np.ones((7, 2, 1), np.float32)])

    assert batch.shape == (2, 7, 2, 1)
    assert np.all(batch[0, 4:] == -10.0)
    assert np.all(batch[0, :4] == 0.0)


def test_file_names_with_spaces_and_foreign_letters_are_read(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.png", np.zeros((8, 8), np.uint8))
    named = path.rename(tmp_path / "side 3 – Bonnevie ø.png")

    assert images.decode_image(named, 1).shape == (8, 8, 1)
    assert os.fspath(named)


def _slow_bilinear(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixel by pixel: half-pixel centres, edges repeated."""
    source_height, source_width, _ = pixels.shape
    result = np.zeros((height, width, 1))
    for y in range(height):
        for x in range(width):
            sy = min(max((y + 0.5) * source_height / height - 0.5, 0), source_height - 1)
            sx = min(max((x + 0.5) * source_width / width - 0.5, 0), source_width - 1)
            y0, x0 = int(sy), int(sx)
            y1, x1 = min(y0 + 1, source_height - 1), min(x0 + 1, source_width - 1)
            fy, fx = sy - y0, sx - x0
            top = pixels[y0, x0, 0] * (1 - fx) + pixels[y0, x1, 0] * fx
            bottom = pixels[y1, x0, 0] * (1 - fx) + pixels[y1, x1, 0] * fx
            result[y, x, 0] = top * (1 - fy) + bottom * fy
    return result
