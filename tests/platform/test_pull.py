"""Pages of a platform become the same files that people have."""

import os
import time
from pathlib import Path

import pytest

from loghi_contract.cut import Cut
from loghi_contract.text import Normalization
from loghi_runner.config.choices import TextEquivChoice
from loghi_runner.errors import PlatformError, UsageError
from loghi_runner.ground_truth.survey import Survey, survey_pages
from loghi_runner.pages.find import find_pages
from loghi_runner.pages.texts import TextOptions
from loghi_runner.platform.base import Platform, Source
from loghi_runner.platform.pulled import read_pulled
from tests.platform.escriptorium_stand_in import Document, Fault, StandIn
from tests.schemas import schema_faults


def told(doing: str, done: int, total: int) -> None:
    """Nobody listens."""


def source(document: Document, pages: tuple[int, ...] | None = None, *, only_transcribed: bool = False) -> Source:
    return Source(document.pk, document.layers[0].pk, pages, only_transcribed)


def survey(folder: Path) -> Survey:
    """What the code that reads people's files makes of it."""
    options = TextOptions(TextEquivChoice.LOWEST, (), False, Normalization.NFC)
    return survey_pages([find_pages(folder)], options, Cut.LOGHI, folder, lambda done, total: None)


def test_pulled_pages_are_read_like_anybodys_files(platform: Platform, stand_in: StandIn, tmp_path: Path) -> None:
    document = stand_in.add_document(2)
    pulled = platform.pull(source(document), tmp_path, told)
    assert (pulled.pages, pulled.lines, pulled.skipped, pulled.problems) == (2, 6, {}, ())
    read = survey(tmp_path)
    assert [[line.sample.text for line in page.lines] for page in read.pages] == [
        [f"some words {page} {line}" for line in range(3)] for page in range(2)
    ]
    assert read.findings == ()


def test_pulled_xml_fits_its_schema(platform: Platform, stand_in: StandIn, tmp_path: Path) -> None:
    document = stand_in.add_document(1)
    document.pages[0].lines[0]["mask"][0] = [-3, 12.6]
    document.pages[0].lines[1]["external_id"] = "1 no id"
    platform.pull(source(document), tmp_path, told)
    assert schema_faults(next(tmp_path.glob("page/*.xml")).read_bytes()) == []


def test_more_than_one_page_of_results_is_read_to_its_end(
    platform: Platform, stand_in: StandIn, tmp_path: Path
) -> None:
    document = stand_in.add_document(53, lines=1)
    long = stand_in.documents[document.pk].pages[0]
    long.lines.extend(stand_in._line(long.pk, place) for place in range(1, 120))
    for line in long.lines[1:]:
        stand_in.add_text(line["pk"], document.layers[0].pk, "more")
    pulled = platform.pull(source(document), tmp_path, told)
    assert (pulled.pages, pulled.lines) == (53, 53 + 119)
    assert pulled.skipped == {}


def test_lines_without_a_text_are_counted_and_kept_for_reading(
    platform: Platform, stand_in: StandIn, tmp_path: Path
) -> None:
    document = stand_in.add_document(1)
    blank = document.pages[0].lines[1]["pk"]
    next(text for text in stand_in.texts.values() if text["line"] == blank)["content"] = "  "
    document.pages[0].lines[2].update(mask=None, baseline=None)
    pulled = platform.pull(source(document), tmp_path, told)
    assert pulled.skipped == {"empty_text": 1, "no_shape": 1}
    assert len(survey(tmp_path).pages[0].page.lines) == 2


def test_pages_without_a_text_stay_where_they_are_when_only_learning(
    platform: Platform, stand_in: StandIn, tmp_path: Path
) -> None:
    document = stand_in.add_document(2)
    empty = {line["pk"] for line in document.pages[1].lines}
    stand_in.texts = {pk: text for pk, text in stand_in.texts.items() if text["line"] not in empty}
    pulled = platform.pull(source(document, only_transcribed=True), tmp_path, told)
    assert pulled.pages == 1
    assert pulled.problems == ("1 page without a text in 'manual' left on the platform",)
    assert not stand_in.asked("GET", document.pages[1].uri)


def test_only_the_chosen_pages_are_pulled(platform: Platform, stand_in: StandIn, tmp_path: Path) -> None:
    document = stand_in.add_document(3)
    assert platform.pull(source(document, (document.pages[2].pk,)), tmp_path, told).pages == 1
    with pytest.raises(UsageError, match="has no page 99999"):
        platform.pull(source(document, (99999,)), tmp_path, told)


def test_a_broken_page_is_named_and_the_others_come(platform: Platform, stand_in: StandIn, tmp_path: Path) -> None:
    document = stand_in.add_document(3)
    document.pages[0].lines[0]["mask"] = [[1, "x"]]
    document.pages[1].uri = "https://elsewhere.example/media/page.png"
    pulled = platform.pull(source(document), tmp_path, told)
    assert pulled.pages == 2
    assert any("points to another place, https://elsewhere.example" in problem for problem in pulled.problems)
    assert any("the outline of line" in problem for problem in pulled.problems)


@pytest.mark.parametrize("offset", [1, 2])
def test_lines_that_are_no_baselines_are_cut_by_their_outline(
    platform: Platform, stand_in: StandIn, tmp_path: Path, offset: int
) -> None:
    document = stand_in.add_document(1)
    document.line_offset = offset
    platform.pull(source(document), tmp_path, told)
    assert all(line.baseline == () and line.outline for line in survey(tmp_path).pages[0].page.lines)


def test_text_that_runs_from_right_to_left_is_said(platform: Platform, stand_in: StandIn, tmp_path: Path) -> None:
    document = stand_in.add_document(1)
    document.read_direction = "rtl"
    assert "right to left" in platform.pull(source(document), tmp_path, told).problems[0]


def test_names_from_the_platform_cannot_leave_the_folder(platform: Platform, stand_in: StandIn, tmp_path: Path) -> None:
    document = stand_in.add_document(1)
    page = document.pages[0]
    page.uri = "/media/documents/1/\u202e $(strange); name.png"
    page.lines[0]["external_id"] = "../../x"
    inside = tmp_path / "pulled"
    platform.pull(source(document), inside, told)
    assert [entry.name for entry in tmp_path.iterdir()] == ["pulled"]
    (name,) = read_pulled(inside).pages
    assert name.isascii() and "/" not in name and ".." not in name


def test_an_interrupted_pull_goes_on_where_it_was(platform: Platform, stand_in: StandIn, tmp_path: Path) -> None:
    document = stand_in.add_document(20)
    stand_in.faults.append(Fault("GET", f"/parts/{document.pages[15].pk}/$", 500, times=9))
    with pytest.raises(PlatformError) as failed:
        platform.pull(source(document), tmp_path, told)
    assert failed.value.code == "platform.server_fault"
    assert failed.value.may_pass
    before = len(list(tmp_path.glob("*.png")))
    stand_in.faults.clear()
    stand_in.requests.clear()
    assert platform.pull(source(document), tmp_path, told).pages == 20
    assert len(stand_in.asked("GET", "/media/")) == 20 - before


def test_a_second_pull_reads_corrections_and_fetches_no_image_again(
    platform: Platform, stand_in: StandIn, tmp_path: Path
) -> None:
    document = stand_in.add_document(3)
    platform.pull(source(document), tmp_path, told)
    next(iter(stand_in.texts.values()))["content"] = "corrected"
    stand_in.requests.clear()
    platform.pull(source(document), tmp_path, told)
    assert not stand_in.asked("GET", "/media/")
    assert survey(tmp_path).pages[0].lines[0].sample.text == "corrected"


def test_another_folder_takes_images_from_the_cache(platform: Platform, stand_in: StandIn, tmp_path: Path) -> None:
    document = stand_in.add_document(2)
    platform.pull(source(document), tmp_path / "a", told)
    stand_in.requests.clear()
    platform.pull(source(document), tmp_path / "b", told)
    assert not stand_in.asked("GET", "/media/")
    assert len(list((tmp_path / "b").glob("*.png"))) == 2


def test_a_page_that_is_gone_is_gone_after_the_next_pull(platform: Platform, stand_in: StandIn, tmp_path: Path) -> None:
    document = stand_in.add_document(2)
    platform.pull(source(document), tmp_path, told)
    document.pages.pop()
    platform.pull(source(document), tmp_path, told)
    assert len(survey(tmp_path).pages) == 1


def test_a_server_that_asks_to_wait_is_waited_for(platform: Platform, stand_in: StandIn, tmp_path: Path) -> None:
    document = stand_in.add_document(1)
    stand_in.faults.append(Fault("GET", "/parts/", 429, {"Retry-After": "1"}))
    begun = time.monotonic()
    assert platform.pull(source(document), tmp_path, told).pages == 1
    assert time.monotonic() - begun >= 1


def test_images_that_are_cached_are_let_go_after_a_month(platform: Platform, stand_in: StandIn, tmp_path: Path) -> None:
    document = stand_in.add_document(1)
    platform.pull(source(document), tmp_path, told)
    (cached,) = Path(os.environ["XDG_CACHE_HOME"], "loghi-runner", "images").iterdir()
    os.utime(cached, (0, 0))
    document.pages.clear()
    platform.pull(source(document), tmp_path, told)
    assert not cached.exists()


def test_imported_transcriptions_that_the_platform_does_not_count_are_counted(
    platform: Platform, stand_in: StandIn
) -> None:
    document = stand_in.add_document(3)
    document.pages[0].progress = document.pages[1].progress = 0
    blank = {line["pk"] for line in document.pages[1].lines[1:]}
    for text in stand_in.texts.values():
        text["content"] = "" if text["line"] in blank else text["content"]
    assert [round(page.transcribed, 2) for page in platform.pages(1)] == [1.0, 0.33, 1.0]
