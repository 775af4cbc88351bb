"""The same line in two splits, however it was saved; and pages that are in two splits."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from loghi_contract.job import Split
from loghi_contract.lines import LineSample
from loghi_runner.findings import Finding
from loghi_runner.ground_truth.leaks import find_leaks
from loghi_runner.ground_truth.lines import GroundTruthLine, ImageFinder
from loghi_runner.ground_truth.lists import read_list
from tests.shared_data import shared_data


def draw(path: Path, strokes: int, **options: object) -> Path:
    """A line of slanted strokes whose places depend on a number."""
    image = Image.new("L", (400, 64), 220)
    pen = ImageDraw.Draw(image)
    for number in range(24):
        x = 10 + (number * 37 * strokes + number * number) % 380
        pen.line((x, 50 - (number * strokes) % 20, x + 8, 12 + number % 9), fill=30, width=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)  # type: ignore[arg-type]  # options of the format
    return path


def line(path: Path, text: str = "one text") -> GroundTruthLine:
    with Image.open(path) as image:
        size = image.size
    return GroundTruthLine(
        LineSample(str(path), text, 1.0, f"list:{path.name}"), path, *size, False, path.stat().st_size
    )


def codes(**splits: list[GroundTruthLine]) -> list[str]:
    return [finding.code for finding in find_leaks({Split(name): lines for name, lines in splits.items()})]


def changed(source: Path, how: str) -> Path:
    image = Image.open(source)
    target = source.with_name(f"{how}{'.jpg' if how == 'jpeg' else '.png'}")
    if how == "half":
        image = image.resize((200, 32), Image.Resampling.BILINEAR)
    elif how == "double":
        image = image.resize((800, 128), Image.Resampling.BICUBIC)
    elif how == "shifted":
        moved = Image.new("L", image.size, 220)
        moved.paste(image, (1, 1))
        image = moved
    elif how == "paler":
        image = image.point(lambda grey: 60 + grey * 3 // 5)
    image.save(target, **({"quality": 60} if how == "jpeg" else {}))
    return target


@pytest.mark.parametrize("how", ["jpeg", "half", "double", "shifted", "paler"])
def test_an_image_saved_otherwise_is_found(tmp_path: Path, how: str) -> None:
    source = draw(tmp_path / "a" / "a-1.png", 3)
    copy = changed(source, how).rename(tmp_path / f"copy{'.jpg' if how == 'jpeg' else '.png'}")
    assert "data.near_leak" in codes(train=[line(source)], val=[line(copy)])


def test_the_same_text_written_twice_is_no_leak(tmp_path: Path) -> None:
    first, second = draw(tmp_path / "a" / "a-1.png", 3), draw(tmp_path / "b" / "b-1.png", 5)
    assert codes(train=[line(first)], val=[line(second)]) == []


def test_a_page_in_two_splits_is_found(tmp_path: Path) -> None:
    names = [(page, number) for page in "abc" for number in range(3)]
    lines = [
        line(draw(tmp_path / page / f"{page}-{number}.png", 7 * place + 3), f"text {place}")
        for place, (page, number) in enumerate(names)
    ]
    findings: list[Finding] = list(find_leaks({Split.TRAIN: lines[:5], Split.VAL: lines[5:]}))
    assert [finding.code for finding in findings] == ["data.shared_page"]
    assert "1 page has training lines and validation lines (1 of 4)" in findings[0].message


def test_an_image_listed_twice_is_remarked(tmp_path: Path) -> None:
    made = line(draw(tmp_path / "a-1.png", 3))
    assert codes(train=[made, made]) == ["data.repeated"]


def test_real_lines_of_other_pages_raise_no_alarm() -> None:
    finder = ImageFinder(None)
    splits = {}
    for split in (Split.TRAIN, Split.VAL, Split.TEST):
        listed = read_list(shared_data("target_lines", f"{split.value}.txt"), "data", Path("/"))
        found = [finder.find(sample, listed.folder) for sample in listed.samples]
        splits[split] = [each for each in found if isinstance(each, GroundTruthLine)]
        assert len(splits[split]) > 100
    assert list(find_leaks(splits)) == []
