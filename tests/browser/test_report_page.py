"""Reports as a reader sees them: nothing fetched, nothing broken, nothing out of reach."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from loghi_contract import events
from loghi_runner.evaluation.results import ReadLine, Results, difference
from loghi_runner.ground_truth.page_preview import PreviewLine, write_preview
from loghi_runner.pages.write import Reading
from loghi_runner.recognition.recognized import Recognized, RecognizedLine, write_side_by_side
from loghi_runner.report.write import write_difference, write_results
from loghi_runner.runs.run_report import write_run_report
from tests.browser.looking import SIGHTS, Sight, assert_accessible, assert_quiet, opened
from tests.made_runs import EPOCHS, FINISHED, HARD, PLAIN, cancelled, draw_line, make_run, skip_lines

pytestmark = pytest.mark.browser

LINES = tuple(ReadLine(f"line {n}", f"p{n % 3}", text, (old, new)) for n, (text, old, new) in enumerate(HARD))


def run_report(place: Path) -> Path:
    folder, record = make_run(place, HARD * 4, pages=30, added=["ð", *map(chr, range(0x4E00, 0x4E00 + 399))])
    skip_lines(folder, ["missing_image"] * 3 + ["empty_text", "something_new"])
    return write_run_report(folder, record)


def comparison(place: Path) -> Path:
    return write_results(place, "A or B?", Results(LINES, ("A", "B")), pictures(place), ["a note"])


def differing(place: Path) -> Path:
    names = ("A", "B")
    return write_difference(place, "A and B", names, difference(LINES, names))


def evaluation(place: Path) -> Path:
    lines = tuple(ReadLine(line.id, line.page, line.reference, line.readings[:1]) for line in LINES)
    return write_results(place, "A", Results(lines, ("A",)), {}, made=[("model", "sha256 " + "0" * 64)])


def preview(place: Path) -> Path:
    images = pictures(place)
    lines = [PreviewLine(images[line.id], line.reference, "training", 9.0) for line in LINES]
    write_preview(place / "preview.html", lines, title="Lines", new_characters={"ð"})
    return place / "preview.html"


def recognized(place: Path) -> Path:
    images = pictures(place)
    lines = [
        RecognizedLine(line.id, line.page, 0, images[line.id], Reading(line.readings[0], 1 / (2 + number)))
        for number, line in enumerate(LINES * 3)
    ]
    write_side_by_side(Recognized({}, tuple(lines), 1.0, {"p9": "a reason"}), "Pages", place)
    return place / "recognized.html"


def pictures(place: Path) -> dict[str, Path]:
    place.mkdir(parents=True, exist_ok=True)
    for line in LINES:
        draw_line(place / f"{line.id}.png", line.reference)
    return {line.id: place / f"{line.id}.png" for line in LINES}


@pytest.fixture(
    scope="module",
    params=[run_report, comparison, differing, evaluation, preview, recognized],
    ids=lambda write: write.__name__,
)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One page of each kind, to be looked at in every sight."""
    write: Callable[[Path], Path] = request.param
    return write(tmp_path_factory.mktemp(write.__name__))


@pytest.mark.parametrize("sight", SIGHTS, ids=lambda sight: sight.name)
def test_everybody_can_read_it_offline(browser: Browser, written: Path, sight: Sight) -> None:
    with opened(browser, written.as_uri(), sight) as seen:
        seen.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert_quiet(seen)
        assert_accessible(seen.page)
        broken = "[...document.images].filter(each => !each.naturalWidth).length"
        assert seen.page.evaluate(broken) == 0


@pytest.mark.parametrize(
    "happened",
    [
        pytest.param((EPOCHS[0], events.Finished(events.FinishStatus.COMPLETED, 0, 0.4, "m")), id="never better"),
        pytest.param((events.Finished(events.FinishStatus.CANCELLED, 0, None, "m"),), id="stopped at once"),
    ],
)
@pytest.mark.parametrize("lines", [PLAIN, ()], ids=["test lines", "no test lines"])
def test_a_run_without_success_has_a_whole_page(
    browser: Browser, tmp_path: Path, lines: tuple[tuple[str, str, str], ...], happened: tuple[events.Payload, ...]
) -> None:
    folder, record = make_run(tmp_path, lines, *happened)
    with opened(browser, write_run_report(folder, cancelled(record)).as_uri()) as seen:
        assert_quiet(seen)
        assert_accessible(seen.page)


def test_everything_can_be_reached_with_the_keyboard(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, run_report(tmp_path).as_uri(), SIGHTS[2]) as seen:
        # folded-away scroll areas cannot be reached, nor need they be
        wanted = """[...document.querySelectorAll('summary, a[href], *')].filter(each => each.checkVisibility() && (
            each.matches('summary, a[href]')
            || each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflowX == 'auto'))"""
        count = seen.page.evaluate(f"{wanted}.map(each => each.dataset.wanted = '').length")
        assert count > 10
        for _ in range(400):
            seen.page.keyboard.press("Tab")
            seen.page.evaluate("delete document.activeElement.dataset.wanted")
            if not seen.page.locator("[data-wanted]").count():
                break
        left = seen.page.evaluate("[...document.querySelectorAll('[data-wanted]')].map(each => each.outerHTML)")
        assert left == []


def test_an_example_leads_to_its_line_though_that_is_folded_away(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, run_report(tmp_path).as_uri()) as seen:
        hidden = seen.page.locator("details ol.lines > li").first
        assert not hidden.is_visible()
        seen.page.locator(f"a[href='#{hidden.get_attribute('id')}']").first.click()
        assert hidden.is_visible()


def test_it_prints(browser: Browser, tmp_path: Path) -> None:
    folder, record = make_run(tmp_path, PLAIN, *EPOCHS, FINISHED)
    with opened(browser, write_run_report(folder, record).as_uri()) as seen:
        assert seen.page.pdf(format="A4").startswith(b"%PDF")
        seen.page.emulate_media(media="print", color_scheme="dark")
        # ink on paper, whatever the screen likes
        assert seen.page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 27, 25)"
