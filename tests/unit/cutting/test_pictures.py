"""Page images as viewers show them: every depth and meaning of samples, turned or not, one picture of several."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from loghi_runner.cutting.image import PageImageError, Pixels
from loghi_runner.cutting.pictures import page_pictures, read_page_image
from tests.unit.made_tiffs import MadePicture, paper_and_ink, write_tiff

WHITE_IS_ZERO = {262: 0}


def assert_shown(pixels: Pixels, ink: int = 40, paper: int = 240) -> None:
    """Dark ink in the left top quarter of light paper, as it was drawn."""
    assert pixels.shape == (20, 30, 3)
    assert pixels[2:8, 2:13].mean() == pytest.approx(ink, abs=3)
    assert pixels[12:, 17:].mean() == pytest.approx(paper, abs=3)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("dtype", "white", "stated"),
    [
        ("uint8", 255, None),
        ("uint8", 15, 15),
        ("uint16", 65535, None),
        ("uint16", 65535, 65535),
        ("uint16", 4095, 4095),
        ("uint16", 4095, None),
        ("uint16", 1023, None),
        ("uint16", 255, None),
        ("int32", 65535, None),
        ("float32", 1, None),
        ("float32", 255, None),
    ],
)
def test_grey_of_any_depth_is_shown_as_it_was_meant(
    tmp_path: Path, order: str, dtype: str, white: float, stated: int | None
) -> None:
    samples = paper_and_ink(ink=40 / 255 * white, paper=240 / 255 * white, dtype=dtype)
    tags = {} if stated is None else {281: stated}
    path = write_tiff(tmp_path / "p.tif", MadePicture(samples, tags), order=order)
    assert_shown(read_page_image(path), *((34, 238) if white == 15 else (40, 240)))


@pytest.mark.parametrize(
    ("dtype", "white", "stated"),
    [("uint8", 255, None), ("uint8", 15, 15), ("uint16", 65535, None), ("uint16", 4095, 4095), ("float32", 1, None)],
)
def test_zero_may_be_white(tmp_path: Path, dtype: str, white: float, stated: int | None) -> None:
    samples = paper_and_ink(ink=215 / 255 * white, paper=15 / 255 * white, dtype=dtype)
    tags = WHITE_IS_ZERO if stated is None else {**WHITE_IS_ZERO, 281: stated}
    path = write_tiff(tmp_path / "p.tif", MadePicture(samples, tags))
    assert_shown(read_page_image(path), *((51, 255) if white == 15 else (40, 240)))


@pytest.mark.parametrize("white", [65535, 4095])
@pytest.mark.parametrize("place", [0, 1])
def test_colours_of_sixteen_bits(tmp_path: Path, white: int, place: int) -> None:
    samples = paper_and_ink(ink=40 / 255 * white, paper=240 / 255 * white, dtype="uint16", channels=3)
    deep = MadePicture(samples, {281: [white] * 3})
    other = MadePicture(np.zeros((5, 5), np.uint8))
    path = write_tiff(tmp_path / "p.tif", *([other, deep] if place else [deep]))
    assert_shown(read_page_image(path, page_pictures(path)[place]))


@pytest.mark.parametrize(
    ("samples", "tags", "words"),
    [
        (paper_and_ink(ink=-5, paper=200, dtype="int16"), {}, "below zero"),
        (paper_and_ink(ink=float("nan"), paper=0.9, dtype="float32"), {}, "no number"),
        (paper_and_ink(ink=4.0, paper=1e6, dtype="float32"), {}, "how much is white"),
        (paper_and_ink(ink=40, paper=200, dtype="uint16", channels=2), {338: 2}, "8 bits a channel"),
        (paper_and_ink(ink=40, paper=4000, dtype="uint16", channels=4), {338: 2, 281: [4095] * 4}, "12 bits in 16"),
        (paper_and_ink(ink=40, paper=200, dtype="uint16"), {258: 10}, "unusual kind"),
    ],
)
def test_what_nobody_can_say_the_brightness_of_is_left_out_with_its_reason(
    tmp_path: Path, samples: np.ndarray, tags: dict[int, int], words: str
) -> None:
    path = write_tiff(tmp_path / "p.tif", MadePicture(samples, tags))
    with pytest.raises(PageImageError, match=words):
        read_page_image(path)


@pytest.mark.parametrize("mode", ["LAB", "CMYK", "P", "LA", "RGBA"])
def test_tiffs_of_other_colours_are_shown_in_theirs(tmp_path: Path, mode: str) -> None:
    colours = {
        "LAB": ((40, 128, 128), (242, 128, 128)),
        "CMYK": ((215, 215, 215, 0), (15, 15, 15, 0)),
        "P": (40, 240),
        "LA": ((40, 255), (240, 255)),
        "RGBA": ((40, 40, 40, 255), (240, 240, 240, 255)),
    }[mode]
    image = Image.new(mode, (30, 20), colours[1])
    if mode == "P":
        image.putpalette([value for grey in range(256) for value in (grey, grey, grey)])
    image.paste(colours[0], (0, 0, 15, 10))
    image.save(tmp_path / "p.tif")
    assert_shown(read_page_image(tmp_path / "p.tif"))


def upright() -> Image.Image:
    return Image.fromarray(paper_and_ink(ink=40, paper=240))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif", "deep.tif"])
def test_any_orientation_is_followed_or_not(tmp_path: Path, orientation: int, kind: str) -> None:
    """The stored picture is written so that its mark makes it upright; both ways to see it are there."""
    back = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    exif = Image.Exif()
    exif[0x0112] = back
    stored = ImageOps.exif_transpose(_marked(upright(), exif))
    path = tmp_path / f"p.{kind}"
    if kind == "deep.tif":
        deep = np.repeat(np.asarray(stored, np.uint16)[:, :, None] * 257, 3, axis=2)
        write_tiff(path, MadePicture(deep, {274: orientation}))
    elif kind == "tif":
        write_tiff(path, MadePicture(np.asarray(stored), {274: orientation}))
    else:
        mark = Image.Exif()
        mark[0x0112] = orientation
        stored.save(path, exif=mark, **({"quality": 95} if kind == "jpg" else {"lossless": True}))
    pictures = page_pictures(path)
    assert pictures[0].size == (30, 20)
    assert_shown(read_page_image(path))
    if orientation < 5:
        assert len(pictures) == 1
    else:
        assert pictures[1].size == stored.size
        as_stored = read_page_image(path, pictures[1])
        assert np.abs(as_stored[:, :, 0].astype(int) - np.asarray(stored)).mean() < 3


def _marked(image: Image.Image, exif: Image.Exif) -> Image.Image:
    image.info["exif"] = exif.tobytes()
    return image


def test_copies_and_masks_in_a_tiff_are_no_pages(tmp_path: Path) -> None:
    page = MadePicture(paper_and_ink(ink=40, paper=240))
    small = np.full((10, 15), 200, np.uint8)
    copies = [MadePicture(small, {254: 1}), MadePicture(small, {255: 2}), MadePicture(small, {254: 4})]
    path = write_tiff(tmp_path / "p.tif", page, *copies)
    assert [(picture.size, picture.of) for picture in page_pictures(path)] == [((30, 20), 1)]


def test_each_page_of_a_tiff_can_be_had(tmp_path: Path) -> None:
    pages = [MadePicture(np.full((20, 30 + place), 50 * place, np.uint8)) for place in range(3)]
    odd = MadePicture(np.full((9, 9), 5, np.uint16), {258: 10})
    path = write_tiff(tmp_path / "p.tif", pages[0], odd, *pages[1:])
    pictures = page_pictures(path)
    assert [(picture.width, picture.place, picture.of) for picture in pictures] == [(30, 0, 4), (31, 2, 4), (32, 3, 4)]
    assert [int(read_page_image(path, picture).max()) for picture in pictures] == [0, 50, 100]


def test_a_film_behind_a_jpeg_is_no_matter_and_a_thumbnail_before_its_end_is_none(tmp_path: Path) -> None:
    upright().save(tmp_path / "p.jpg", quality=95)
    whole = (tmp_path / "p.jpg").read_bytes()
    (tmp_path / "film.jpg").write_bytes(whole + bytes(range(254)) * 1000)
    assert_shown(read_page_image(tmp_path / "film.jpg"))
    thumbnail = b"\xff\xe1" + (len(whole) + 2).to_bytes(2, "big") + whole
    (tmp_path / "short.jpg").write_bytes(whole[:2] + thumbnail + whole[2:-30])
    with pytest.raises(PageImageError, match="cut short"):
        read_page_image(tmp_path / "short.jpg")
    upright().save(tmp_path / "steps.jpg", quality=95, progressive=True)
    assert_shown(read_page_image(tmp_path / "steps.jpg"))
