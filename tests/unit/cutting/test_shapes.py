"""Lines of every shape are cut or told why not; page images of every kind are read as they are meant."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from loghi_contract.cut import Cut
from loghi_runner.aliases import Point
from loghi_runner.cutting.cut import CutLine, LineShape, NotCut, cut_lines, estimated_size
from loghi_runner.cutting.image import PageImageError, Pixels, write_png
from loghi_runner.cutting.pictures import page_pictures, read_page_image

BASELINE: tuple[Point, ...] = ((50.0, 100.0), (350.0, 105.0))
OUTLINE: tuple[Point, ...] = ((45.0, 70.0), (355.0, 75.0), (355.0, 115.0), (45.0, 110.0))
OTHER = LineShape(((50.0, 200.0), (350.0, 200.0)), (), None)


def paper() -> Pixels:
    image = np.full((300, 400, 3), 230, np.uint8)
    for y in (100, 200):
        for x in range(60, 340, 12):
            image[y - 18 : y, x : x + 3] = 40
    return image


def cut_one(shape: LineShape, cut: Cut = Cut.LOGHI, channels: int = 4) -> CutLine | NotCut:
    ((number, outcome),) = cut_lines(paper(), [shape, OTHER], [0], cut, channels)
    assert number == 0
    return outcome


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    "shape",
    [
        LineShape(BASELINE, OUTLINE, None),
        LineShape(BASELINE, (), None),
        LineShape((), OUTLINE, None),
        LineShape(BASELINE[::-1], OUTLINE, None),
        LineShape(((200.0, 50.0), (200.0, 250.0)), OUTLINE, None),
        LineShape(((50.0, 100.0), (900.0, 100.0)), OUTLINE, 20),
        LineShape(BASELINE, ((0.0, 0.0), (390.0, 290.0), (0.0, 290.0), (390.0, 0.0)), None),
    ],
    ids=["both", "baseline", "outline", "right to left", "vertical", "beyond the edge", "crossing itself"],
)
def test_every_usable_shape_gives_an_image(shape: LineShape, cut: Cut, channels: int) -> None:
    outcome = cut_one(shape, cut, channels)
    assert isinstance(outcome, CutLine)
    assert outcome.pixels.dtype == np.uint8
    assert outcome.pixels.shape[2] == channels
    assert min(outcome.pixels.shape[:2]) > 5


@pytest.mark.parametrize("cut", Cut)
def test_a_page_too_long_for_opencv_costs_no_line_another(cut: Cut) -> None:
    """OpenCV turns no picture of more than 32 767 pixels: that is told of the line, and ends nothing."""
    image = np.full((40, 33_000, 3), 230, np.uint8)
    lines = [LineShape(((10.0, 30.0), (400.0, 30.0)), ((5.0, 5.0), (410.0, 5.0), (410.0, 38.0)), None)] * 2
    outcomes = dict(cut_lines(image, lines, [0, 1], cut, 4))
    assert all(isinstance(outcome, CutLine) for outcome in outcomes.values()) == (cut is not Cut.LOGHI)
    for outcome in outcomes.values():
        assert isinstance(outcome, CutLine) or "OpenCV cannot do it" in outcome.detail


@pytest.mark.parametrize("error", [ValueError("odd"), IndexError("odd"), ZeroDivisionError("odd"), MemoryError()])
def test_whatever_is_odd_about_a_line_is_told_and_the_next_one_is_cut(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def odd(_image: Pixels, outline: np.ndarray, *_others: object, **_options: object) -> Pixels:
        if outline[0, 0] == 45:
            raise error
        return np.zeros((20, 30, 4), np.uint8)

    monkeypatch.setattr("loghi_runner.cutting.cut.cut_outline", odd)
    outcomes = dict(cut_lines(paper(), [LineShape((), OUTLINE, None), OTHER], [0, 1], Cut.POLYGON, 4))
    assert isinstance(outcomes[0], NotCut)
    assert str(error) in outcomes[0].detail
    assert isinstance(outcomes[1], CutLine)


def test_what_was_cut_otherwise_says_so() -> None:
    without_baseline = cut_one(LineShape((), OUTLINE, None))
    assert isinstance(without_baseline, CutLine)
    assert without_baseline.way == "cut by its outline: it has no baseline"
    without_outline = cut_one(LineShape(BASELINE, (), None), Cut.POLYGON)
    assert isinstance(without_outline, CutLine)
    assert without_outline.way == "cut around its baseline: it has no outline"


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (LineShape((), (), None), "neither a baseline nor an outline"),
        (LineShape((), OUTLINE[:2], None), "neither a baseline nor an outline"),
        (LineShape((), tuple((x + 5000, y) for x, y in OUTLINE), None), "nothing of it is inside the image"),
    ],
)
def test_what_cannot_be_cut_is_told(shape: LineShape, words: str, cut: Cut) -> None:
    outcome = cut_one(shape, cut)
    assert isinstance(outcome, NotCut)
    assert words in outcome.detail


def test_a_tiny_baseline_is_told() -> None:
    outcome = cut_one(LineShape(((50.0, 100.0), (53.0, 100.0)), OUTLINE, None))
    assert outcome == NotCut("its baseline is shorter than 5 pixels")


coordinates = st.one_of(st.integers(-50, 450), st.integers(-(10**9), 10**9)).map(float)
points = st.lists(st.tuples(coordinates, coordinates), max_size=5).map(tuple)


@example(baseline=((0.0, -786232.0), (0.0, 786632.0)), outline=(), cut=Cut.LOGHI, channels=3)
@settings(max_examples=30, deadline=None)
@given(baseline=points, outline=points, cut=st.sampled_from(Cut), channels=st.sampled_from([3, 4]))
def test_no_shape_is_a_crash(baseline: tuple[Point, ...], outline: tuple[Point, ...], cut: Cut, channels: int) -> None:
    shape = LineShape(baseline, outline, None)
    estimated_size(shape, cut)
    outcome = cut_one(shape, cut, channels)
    assert isinstance(outcome, CutLine) or outcome.detail


def test_the_alpha_channel_is_the_outline(tmp_path: Path) -> None:
    outcome = cut_one(LineShape((), OUTLINE, None))
    assert isinstance(outcome, CutLine)
    assert set(np.unique(outcome.pixels[:, :, 3])) == {1, 255}
    write_png(outcome.pixels, tmp_path / "l.png")
    with Image.open(tmp_path / "l.png") as image:
        assert image.mode == "RGBA"


def test_masked_lines_have_paper_outside() -> None:
    image = paper()
    image[60:70] = (0, 0, 255)  # a red rule above the line, inside its box
    outline = ((45.0, 100.0), (200.0, 60.0), (355.0, 100.0), (355.0, 115.0), (45.0, 115.0))
    ((_, outcome),) = cut_lines(image, [LineShape((), outline, None)], [0], Cut.POLYGON, 3)
    assert isinstance(outcome, CutLine)
    assert tuple(outcome.pixels[0, 0]) == (230, 230, 230)


def save(path: Path, mode: str, **options: object) -> Path:
    """A page of 30 x 20 whose left half is dark red (or dark), in a mode of Pillow."""
    image = Image.new("RGB", (30, 20), (240, 240, 240))
    image.paste((120, 10, 10), (0, 0, 15, 20))
    image.convert(mode).save(path, **options)  # type: ignore[arg-type]  # options of the format
    return path


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.png", "RGB", {}),
        ("a.png", "RGBA", {}),
        ("a.png", "P", {}),
        ("a.png", "L", {}),
        ("a.png", "1", {}),
        ("a.png", "I;16", {}),
        ("a.jpg", "RGB", {"quality": 95}),
        ("a.jpg", "CMYK", {"quality": 95}),
        ("a.tif", "RGB", {"compression": "tiff_lzw"}),
        ("a.tif", "1", {"compression": "group4"}),
        ("a.webp", "RGB", {"lossless": True}),
        ("a.jp2", "RGB", {}),
    ],
)
def test_every_kind_of_page_image_is_read(tmp_path: Path, name: str, mode: str, options: dict[str, object]) -> None:
    if mode == "I;16":
        path = tmp_path / name
        values = np.full((20, 30), 240 * 256, np.uint16)
        values[:, :15] = 40 * 256
        Image.fromarray(values).save(path)
    else:
        path = save(tmp_path / name, mode, **options)
    pixels = read_page_image(path)
    assert pixels.shape == (20, 30, 3)
    assert page_pictures(path)[0].size == (30, 20)
    assert pixels[10, 25].min() > 200
    assert pixels[10, 4].max() < (10 if mode == "1" else 140)


def test_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.jpg", "RGB", exif=exif, quality=95)
    assert page_pictures(path)[0].size == (20, 30)
    assert read_page_image(path).shape == (30, 20, 3)


def test_transparent_paper_is_white(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert read_page_image(tmp_path / "a.png").min() == 255


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "the file is empty"), (b"just text", "not an image of a known kind")],
)
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    for look in (page_pictures, read_page_image):
        with pytest.raises(PageImageError, match=words):
            look(path)


def test_a_jpeg_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", "RGB", quality=95)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(PageImageError, match="cut short"):
        read_page_image(path)


def test_a_missing_page_image_is_told(tmp_path: Path) -> None:
    with pytest.raises(PageImageError, match="No such file"):
        read_page_image(tmp_path / "nowhere.png")
