"""Lists and images that are no proper files, or stand where nobody expects them, end in a sentence."""

import zlib

import pytest

from loghi_runner.findings import Severity
from tests.unit.made_project import Findings, Project, page


def test_swapped_columns_are_told_as_such_however_long_the_texts_are(project: Project, ask: type[Findings]) -> None:
    lines = [("a text of many words " * 20, image) for image, _text in page("p1", 3)]
    project.line_list("lines/train.txt", lines, make_images=False)
    finding = ask(project.plan().findings).one("data.missing_images")
    assert finding.severity is Severity.ERROR
    assert finding.hint == "Image and text are swapped: a line is `image<TAB>text`."


@pytest.mark.parametrize("root", ["nowhere", "lines/val.txt", "loop"])
def test_a_root_that_is_no_folder_is_told_once_and_not_for_every_list(
    project: Project, ask: type[Findings], root: str
) -> None:
    (project.folder / "loop").symlink_to("loop")
    found = ask(project.plan(f"data.root={root}").findings)
    assert found.codes(Severity.ERROR) == ["data.missing_root"]
    finding = found.one("data.missing_root")
    assert str(project.folder / root) in finding.message
    assert finding.where == "data.root"
    assert finding.hint is not None
    assert finding.hint.startswith(f"Set data.root: {project.folder}/lines (there is, for example, ")


def test_a_wrong_root_hides_no_missing_list(project: Project, ask: type[Findings]) -> None:
    found = ask(project.plan("data.root=nowhere", "data.train=lines/trian.txt").findings)
    assert found.codes(Severity.ERROR) == ["data.missing_list", "data.missing_root"]


def test_an_image_given_as_list_is_no_encoding_trouble(project: Project, ask: type[Findings]) -> None:
    finding = ask(project.plan("data.train=lines/p1/p1-000.png").findings).one("data.unreadable_list")
    assert "it is not a text file" in finding.message
    assert finding.where == "data.train"


def test_a_list_with_the_line_endings_of_old_macs_is_read_as_loghi_reads_it(project: Project) -> None:
    text = "p1/p1-000.png\tone\rp1/p1-001.png\ttwo\r"
    (project.folder / "lines/train.txt").write_bytes(text.encode())
    plan = project.plan()
    assert [line.text for line in plan.lists["train"]] == ["one", "two"]


def test_an_image_that_claims_a_billion_pixels_is_skipped_unopened(project: Project, ask: type[Findings]) -> None:
    image = project.folder / "lines/p1/p1-000.png"
    content = bytearray(image.read_bytes())
    content[16:24] = (60_000).to_bytes(4, "big") * 2  # PNG: width and height in the header, then its checksum
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    image.write_bytes(content)
    (skipped,) = project.plan().skipped
    assert skipped[1].detail == "far too large for a line image"


def test_images_with_names_of_any_kind_are_found(project: Project) -> None:
    names = ["a b.png", "q\"uo'te.png", "$(touch pwned).png", "-rf.png", "ø/æ å.png", "%41.png", "back\\slash.png"]
    project.line_list("lines/train.txt", [(name, "text") for name in names])
    plan = project.plan()
    assert len(plan.lists["train"]) == len(names)
    assert plan.skipped == ()
