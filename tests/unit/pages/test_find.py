"""Page images and their XML, found in the layouts that platforms export."""

from pathlib import Path

import pytest

from loghi_runner.findings import Severity
from loghi_runner.pages.find import FoundPages, find_pages, holds_xml
from tests.unit.made_pages import MadeLine, page_xml


def put(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page_xml([MadeLine("l")]) if name.endswith("xml") else "image")
    return folder


def codes(found: FoundPages) -> list[str]:
    return [finding.code for finding in found.findings]


@pytest.mark.parametrize("xml", ["page/a b.xml", "a b.xml", "alto/a b.xml"])
def test_each_layout_is_found(tmp_path: Path, xml: str) -> None:
    (page,) = find_pages(put(tmp_path, "a b.JPG", xml)).pages
    assert (page.name, page.image, page.xml) == ("a b", tmp_path / "a b.JPG", tmp_path / xml)


def test_page_comes_before_the_xml_beside_and_alto(tmp_path: Path) -> None:
    (page,) = find_pages(put(tmp_path, "a.tif", "alto/a.xml", "a.xml", "page/a.xml")).pages
    assert page.xml == tmp_path / "page/a.xml"


def test_pages_in_folders_are_documents(tmp_path: Path) -> None:
    put(tmp_path, "vol1/0001.jpg", "vol1/page/0001.xml", "vol2/0001.jpg", "vol2/0001.xml")
    found = find_pages(tmp_path)
    assert [(page.name, page.document) for page in found.pages] == [
        ("vol1_0001", f"{tmp_path.name}/vol1"),
        ("vol2_0001", f"{tmp_path.name}/vol2"),
    ]
    assert found.findings == ()


def test_what_does_not_pair_up_is_told(tmp_path: Path) -> None:
    found = find_pages(put(tmp_path, "a.png", "page/a.xml", "b.png", "page/c.xml"))
    assert [page.name for page in found.pages] == ["a"]
    assert codes(found) == ["data.image_without_xml", "data.xml_without_image"]


@pytest.mark.parametrize(
    ("files", "words"),
    [((), "there are no pages"), (("a.jpg",), "no PAGE XML or ALTO"), (("page/a.xml",), "no page images")],
)
def test_no_pages_at_all_is_an_error_with_the_expected_tree(tmp_path: Path, files: tuple[str, ...], words: str) -> None:
    (finding,) = find_pages(put(tmp_path, *files)).findings
    assert finding.severity is Severity.ERROR
    assert words in finding.message
    assert "my_pages/page/0001.xml" in (finding.hint or "")


def test_the_xml_folder_itself_names_the_folder_above(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "page/a.xml")
    (finding,) = find_pages(tmp_path / "page").findings
    assert finding.hint == f"Name the folder that holds the images: {tmp_path}"


def test_of_two_images_the_one_the_xml_names_is_taken(tmp_path: Path) -> None:
    put(tmp_path, "p.jpg", "p.png", "page/p.xml")
    found = find_pages(tmp_path)
    assert [page.image.name for page in found.pages] == ["p.png"]
    assert codes(found) == ["data.two_images"]


def test_hidden_folders_and_a_missing_one(tmp_path: Path) -> None:
    put(tmp_path, ".prepared/x.png", ".prepared/x.xml", "a.png", "a.xml")
    assert [page.name for page in find_pages(tmp_path).pages] == ["a"]
    assert codes(find_pages(tmp_path / "nowhere")) == ["data.no_pages_folder"]


def test_a_name_that_no_list_can_hold_is_left_out(tmp_path: Path) -> None:
    found = find_pages(put(tmp_path, "a\tb.png", "a\tb.xml", "c.png", "c.xml"))
    assert [page.name for page in found.pages] == ["c"]
    assert codes(found) == ["data.odd_page_name"]


def test_only_names_that_no_list_can_hold_are_no_pages(tmp_path: Path) -> None:
    (finding,) = find_pages(put(tmp_path, "a\tb.png", "a\tb.xml")).findings
    assert (finding.code, finding.severity) == ("data.no_pages", Severity.ERROR)
    assert "TAB" in finding.message


def test_a_link_that_leads_back_finds_each_page_once(tmp_path: Path) -> None:
    put(tmp_path, "vol/a.png", "vol/a.xml")
    (tmp_path / "vol/again").symlink_to("..")
    assert [page.name for page in find_pages(tmp_path).pages] == ["vol_a"]


def test_xml_in_capitals_makes_a_folder_one_of_pages(tmp_path: Path) -> None:
    (put(tmp_path, "a.png", "page/a.xml") / "page/a.xml").rename(tmp_path / "page/a.XML")
    assert holds_xml(tmp_path)
    assert [page.name for page in find_pages(tmp_path).pages] == ["a"]
