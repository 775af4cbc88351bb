"""Lines cut as loghi-tooling's own Java code cut them, pixel by pixel."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from loghi_contract.cut import Cut
from loghi_runner.cutting.contours import MIN_X_HEIGHT_PX, PageContours
from loghi_runner.cutting.cut import CutLine, LineShape, cut_lines, estimated_size
from loghi_runner.cutting.geometry import as_points
from loghi_runner.cutting.image import Pixels
from loghi_runner.cutting.pictures import read_page_image
from loghi_runner.cutting.strip import cut_strip
from loghi_runner.pages.read import read_page
from tests.shared_data import shared_data

PAGES = {
    "p1": "synthetic",
    "odd": "synthetic",
    "single": "synthetic",
    "IMG_20190620_122914": "target",
    "IMG_20190620_123220": "target",
}


def page(name: str) -> tuple[Pixels, dict[str, LineShape]]:
    """The page image, and its lines' shapes by id."""
    if PAGES[name] == "target":
        folder = shared_data("target")
        image = folder / f"{name}.jpg"
    else:
        folder = shared_data("cut_reference", "synthetic", "pages")
        image = folder / "p1.png"  # all three made pages have one image
    lines = read_page(folder / "page" / f"{name}.xml").lines
    return read_page_image(image), {line.id: LineShape(line.baseline, line.outline, line.x_height_px) for line in lines}


def references(name: str, kind: str) -> dict[str, Pixels]:
    folder = shared_data("cut_reference", PAGES[name], kind, name)
    return {
        path.stem.removeprefix(f"{name}-"): np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.uint8)
        for path in folder.glob("*.png")
    }


@pytest.mark.parametrize("name", PAGES)
def test_lines_are_cut_as_loghi_cuts_them(name: str) -> None:
    image, shapes = page(name)
    wanted = references(name, "recalculated")
    ids = list(shapes)
    cut = dict(cut_lines(image, list(shapes.values()), range(len(ids)), Cut.LOGHI, 4))
    for line_id, reference in wanted.items():
        outcome = cut[ids.index(line_id)]
        assert isinstance(outcome, CutLine), line_id
        assert outcome.pixels.shape == reference.shape, line_id
        difference = np.abs(outcome.pixels.astype(int) - reference)
        # one line of all differs, in a few pixels
        assert difference.mean() < 0.01, line_id


@pytest.mark.parametrize("name", ["p1", "odd", "IMG_20190620_122914", "IMG_20190620_123220"])
def test_outlines_of_the_page_are_kept_where_asked(name: str) -> None:
    image, shapes = page(name)
    for line_id, reference in references(name, "kept").items():
        shape = shapes[line_id]
        if len(shape.baseline) < 2:
            continue  # cut by its box: the test above has it
        strip = cut_strip(
            image, as_points(shape.baseline), as_points(shape.outline), shape.x_height_px or MIN_X_HEIGHT_PX, 4
        )
        assert not isinstance(strip, str), line_id
        assert np.array_equal(strip, reference), line_id


@pytest.mark.parametrize("name", ["IMG_20190620_122914", "IMG_20190620_123220"])
def test_outlines_are_worked_out_to_the_point(name: str) -> None:
    image, shapes = page(name)
    cv2.ipp.setUseIPP(False)
    contours = PageContours(image, [as_points(shape.baseline) for shape in shapes.values()])
    table = shared_data("cut_reference", "target", "recalculated", f"{name}.txt").read_text()
    written = {row.split()[0]: row.partition(" coords=")[2] for row in table.splitlines() if " coords=" in row}
    assert len(written) > 30
    for number, line_id in enumerate(shapes):
        contour = contours.of(number)
        assert contour is not None
        assert " ".join(f"{x:.0f},{y:.0f}" for x, y in contour.outline) == written[line_id], line_id


def test_estimates_are_near_the_size() -> None:
    image, shapes = page("IMG_20190620_122914")
    lines = list(shapes.values())
    for cut in Cut:
        near = 0
        for number, outcome in cut_lines(image, lines, range(len(lines)), cut, 3):
            assert isinstance(outcome, CutLine)
            height, width = outcome.pixels.shape[:2]
            estimate = estimated_size(lines[number], cut)
            assert estimate is not None
            near += 0.75 < estimate[0] / width < 1.33 and 0.6 < estimate[1] / height < 1.66
        assert near > 0.9 * len(lines), cut


def test_masked_lines_look_as_the_base_models_own() -> None:
    name = "IMG_20190620_122914"
    image, shapes = page(name)
    lines = list(shapes.values())
    differences = []
    folder: Path = shared_data("target_lines", name)
    for number, outcome in cut_lines(image, lines, range(len(lines)), Cut.POLYGON, 3):
        reference = cv2.imread(str(folder / f"{name}-{number:03}.png"), cv2.IMREAD_GRAYSCALE)
        assert isinstance(outcome, CutLine)
        assert reference is not None
        grey = cv2.cvtColor(outcome.pixels, cv2.COLOR_BGR2GRAY)
        scaled = cv2.resize(grey, (reference.shape[1], 64), interpolation=cv2.INTER_AREA)
        differences.append(np.abs(scaled.astype(int) - reference).mean())
    assert float(np.median(differences)) < 3
